import { defineConfig } from "vite";

export default defineConfig({
  // Relative paths: `web/dist` may be served from any folder of any host.
  base: "./",
  build: { target: "es2022" },
});
