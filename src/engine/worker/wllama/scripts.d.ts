/** Made by src/engine/wllama.plugin.ts. */
declare module 'virtual:wllama-scripts' {
  export const mainUrl: string;
  export const threadUrl: string;
}
declare module '*.wasm?url' {
  const url: string;
  export default url;
}
