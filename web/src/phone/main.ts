import './theme.css'
import { createApp } from 'vue'
import App from './App.vue'
import { keepSending } from './queue/keep'
import { keepReceipts } from './report/receipts'
import { forgetVisits } from './report/visits'
import { router } from './router'
import { i18n } from './words'

createApp(App).use(i18n).use(router).mount('#app')
keepSending({ beforeTidying: keepReceipts, signedOut: forgetVisits })
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  // Without it (an old WebView, plain http) everything works as long as the page can be loaded.
  void navigator.serviceWorker.register('/m/sw.js', { scope: '/m/' }).catch(() => undefined)
}
