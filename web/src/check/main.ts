/** 核对文书 The page behind the QR code of a document: public, and about no person. */
import { createApp } from 'vue'
import '@/shared/colours.css'
import './check.css'
import CheckPage from './CheckPage.vue'

createApp(CheckPage).mount('#app')
