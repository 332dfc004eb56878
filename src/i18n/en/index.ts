import type { Translation } from '../index.ts';
import chat from './chat.json';
import common from './common.json';
import crisis from './crisis.json';
import device from './device.json';
import dose from './dose.json';
import errors from './errors.json';
import history from './history.json';
import library from './library.json';
import manager from './manager.json';
import models from './models.json';
import settings from './settings.json';
import shell from './shell.json';
import shortcuts from './shortcuts.json';

const en: Translation = {
  chat,
  common,
  crisis,
  device,
  dose,
  errors,
  history,
  library,
  manager,
  models,
  settings,
  shell,
  shortcuts,
};
export default en;
