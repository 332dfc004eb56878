/** Sentences of the dose screens: they come with them, not with the page. */
import i18next from 'i18next';
import zhCN from './zh-CN/dose.json';

i18next.addResourceBundle('zh-CN', 'dose', zhCN);
