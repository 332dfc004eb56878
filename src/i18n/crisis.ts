/** Sentences of the crisis screens: they come with them, not with the page. */
import i18next from 'i18next';
import zhCN from './zh-CN/crisis.json';

i18next.addResourceBundle('zh-CN', 'crisis', zhCN);
