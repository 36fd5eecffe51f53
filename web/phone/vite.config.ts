import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// The phone app, served under /m/: an application of its own, so that its service worker keeps exactly its own files.
export default defineConfig({
  root: here('.'),
  base: '/m/',
  plugins: [
    vue(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: '../src/phone',
      filename: 'sw.ts',
      injectRegister: false,
      // The map is fetched when it is first looked at: not everybody needs it, and it is more than all the rest.
      injectManifest: {
        globPatterns: ['**/*.{js,css,html,svg,png}'],
        globIgnores: ['**/*maplibre*', '**/*CityMap*', '**/*PlaceMap*', '**/*SweepMap*'],
      },
      manifest: {
        name: '救助圈',
        short_name: '救助圈',
        description: '看到街头有人需要帮助，一分钟上报；巡查队在手机上接受派遣。',
        lang: 'zh-CN',
        id: '/m/',
        start_url: '/m/',
        scope: '/m/',
        display: 'standalone',
        background_color: '#0b2a3f',
        theme_color: '#0b2a3f',
        icons: [
          { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: 'icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
          { src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' },
        ],
        shortcuts: [{ name: '上报', url: '/m/#/report' }],
      },
    }),
  ],
  resolve: { alias: { '@': here('../src') } },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } }, fs: { allow: [here('..')] } },
  worker: { format: 'es' },
  build: { target: 'es2020', outDir: here('../dist/m'), emptyOutDir: true, chunkSizeWarningLimit: 1500 },
})
