/** Sentences about this device: they come with the screens that show it, not with the page. */
import i18next from 'i18next';
import zhCN from './zh-CN/device.json';

i18next.addResourceBundle('zh-CN', 'device', zhCN);
