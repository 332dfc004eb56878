/**
 * Sentences of the page. zh-CN is the source and is always loaded; other locales are chunks of their own.
 *
 *   src/i18n/<locale>/<namespace>.json    one namespace per screen, `common` shared, `errors` by HypnosErrorCode
 */
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type crisis from './zh-CN/crisis.json';
import type device from './zh-CN/device.json';
import type dose from './zh-CN/dose.json';
import zhCN from './zh-CN/index.ts';
import type library from './zh-CN/library.json';
import type manager from './zh-CN/manager.json';

/** The shape of the source locale with any strings in it: what a translation must fill. */
type Strings<Tree> = { readonly [Key in keyof Tree]: Tree[Key] extends string ? string : Strings<Tree[Key]> };
/** With the namespaces that come with their screens: src/i18n/<namespace>.ts. */
type Source = typeof zhCN & {
  readonly crisis: typeof crisis;
  readonly device: typeof device;
  readonly dose: typeof dose;
  readonly library: typeof library;
  readonly manager: typeof manager;
};
export type Translation = Strings<Source>;
export type Namespace = keyof Source;

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common';
    resources: Source;
  }
}

const TRANSLATIONS: Readonly<Record<string, () => Promise<{ readonly default: Translation }>>> = {
  en: () => import('./en/index.ts'),
};

async function addTranslation(locale: string): Promise<void> {
  const load = TRANSLATIONS[locale];
  if (!load || i18next.hasResourceBundle(locale, 'common')) return;
  for (const [namespace, strings] of Object.entries((await load()).default)) {
    i18next.addResourceBundle(locale, namespace, strings);
  }
}

/** Starts in this locale ('zh-CN' or 'en'); resolves when its sentences are there. */
export async function startI18n(locale: string): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'zh-CN',
    fallbackLng: 'zh-CN',
    defaultNS: 'common',
    resources: { 'zh-CN': zhCN },
    interpolation: { escapeValue: false }, // React escapes
    missingInterpolationHandler: () => '',
    returnNull: false,
  });
  await setLocale(locale);
}

/** Switches every sentence on screen; a locale that cannot be fetched leaves the present one. */
export async function setLocale(locale: string): Promise<void> {
  await addTranslation(locale);
  await i18next.changeLanguage(locale);
  document.documentElement.lang = locale;
}

/** The locale on screen: also that of dates and numbers. */
export const currentLocale = (): string => i18next.language;
