interface ImportMetaEnv {
  readonly VITE_PARLOR_URL?: string;
  readonly VITE_PARLOR_KEY?: string;
  readonly VITE_PARLOR_CHANNEL?: string;
}
