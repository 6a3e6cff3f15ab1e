import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The server sends `default-src 'none'; script-src 'self'; style-src 'self'`: everything must be a file,
// nothing inline. tests/ui fails on any violation that the browser reports.
export default defineConfig({
    plugins: [svelte()],
    build: {
        target: 'es2022',
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        reportCompressedSize: true,
    },
    server: {
        // `npm run fake` or a real server; SLUICE_URL says which.
        proxy: { '/api': process.env.SLUICE_URL ?? 'http://127.0.0.1:8479' },
    },
});
