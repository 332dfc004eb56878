/** Sentences of the model manager: a chunk that comes with its screen, both locales, a few kilobytes. */
import i18next from 'i18next';
import en from './en/manager.json';
import zhCN from './zh-CN/manager.json';

const translation: Strings<typeof zhCN> = en;
type Strings<Tree> = { readonly [Key in keyof Tree]: Tree[Key] extends string ? string : Strings<Tree[Key]> };

export function addManagerSentences(): void {
  i18next.addResourceBundle('zh-CN', 'manager', zhCN);
  i18next.addResourceBundle('en', 'manager', translation);
}
