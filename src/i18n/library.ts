/** The library's sentences: they come with its screens, not with the page. */
import i18next from 'i18next';
import zhCN from './zh-CN/library.json';

i18next.addResourceBundle('zh-CN', 'library', zhCN);
