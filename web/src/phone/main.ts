import './theme.css'
import { createApp } from 'vue'
import App from './App.vue'
import { keepSending } from './queue/keep'
import { keepRegistered } from './push/here'
import { keepReceipts } from './report/receipts'
import { forgetVisits } from './report/visits'
import { router } from './router'
import { i18n } from './words'

createApp(App).use(i18n).use(router).mount('#app')
keepSending({ beforeTidying: keepReceipts, signedOut: forgetVisits })
keepRegistered()
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  // Without it (an old WebView, plain http) everything works as long as the page can be loaded. It fetches the whole app:
  // on a slow line that comes after the page that somebody waits for.
  const keepTheApp = () => navigator.serviceWorker.register('/m/sw.js', { scope: '/m/' })
  void router
    .isReady()
    .then(keepTheApp)
    .catch(() => undefined)
}
// A notice was tapped: the page that it is about.
navigator.serviceWorker?.addEventListener('message', event => {
  const told = event.data as { type?: string; address?: string } | null
  if (told?.type === 'open' && told.address) void router.push(told.address.replace('/m/#', ''))
})
