const OPENABLE = new Set(['http:', 'https:', 'mailto:']);

/** A link the page may offer to open, after the user's consent. */
export interface OpenableUrl {
  /** Normalised: an internationalised host is in its ASCII (punycode) form. */
  readonly href: string;
  /** Host of a web address, address of a mailto. */
  readonly target: string;
}

/** null: relative, malformed, or a scheme that is not opened (javascript:, data:, blob:, file: …). */
export function parseOpenableUrl(text: string | undefined): OpenableUrl | null {
  if (!text || text.length > 2048) return null;
  let url: URL;
  try {
    url = new URL(text); // no base: relative addresses would point into the page itself
  } catch {
    return null;
  }
  if (!OPENABLE.has(url.protocol)) return null;
  // "https://trusted.example@evil.example": what stands before the @ only misleads.
  url.username = '';
  url.password = '';
  const target = url.protocol === 'mailto:' ? decodeSafely(url.pathname) : url.host;
  return target ? { href: url.href, target } : null;
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
