/** The source locale: its keys type every `t()`. */
import chat from './chat.json';
import common from './common.json';
import errors from './errors.json';
import history from './history.json';
import models from './models.json';
import settings from './settings.json';
import shell from './shell.json';
import shortcuts from './shortcuts.json';

export default { chat, common, errors, history, models, settings, shell, shortcuts } as const;
