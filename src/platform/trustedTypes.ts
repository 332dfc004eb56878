/**
 * The page's one Trusted Types policy (the CSP names it, and a second of the same name is refused): the only way
 * a string becomes the URL of a worker or of the service worker, and only a URL of this origin.
 */
interface ScriptUrlPolicy {
  createScriptURL(url: string): unknown;
}
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): ScriptUrlPolicy;
}

function sameOriginOnly(url: string): string {
  const absolute = new URL(url, location.href);
  if (absolute.origin !== location.origin)
    throw new TypeError(`script URL of a foreign origin: ${absolute.origin}`);
  return absolute.href;
}

let policy: ScriptUrlPolicy | undefined;

/**
 * A URL that `new Worker` and `serviceWorker.register` accept under `require-trusted-types-for 'script'`.
 * Typed as string because the DOM typings know no TrustedScriptURL; it must be passed on as it is.
 * @throws TypeError for a URL of another origin.
 */
export function trustedScriptUrl(url: string | URL): string {
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  if (!factory) return sameOriginOnly(String(url));
  policy ??= factory.createPolicy('hypnos', { createScriptURL: sameOriginOnly });
  return policy.createScriptURL(String(url)) as string;
}
