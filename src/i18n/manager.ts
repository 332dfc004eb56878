/** Sentences of the model manager: they come with its screen, not with the page. */
import i18next from 'i18next';
import zhCN from './zh-CN/manager.json';

i18next.addResourceBundle('zh-CN', 'manager', zhCN);
