/** The names of the settings as a C header: native/shared/setting_names.h is this text; a test compares them. */

import { namesOf, requiredSettings } from '../host-setting-names.ts';

/** The C constant for a setting. */
export function settingConstant(name: string): string {
  return `HATHI_SETTING_${name.toUpperCase().replaceAll('.', '_')}`;
}

/** The text of native/shared/setting_names.h. */
export function settingNamesHeader(): string {
  return [
    '/* Made from src/engine/host-setting-names.ts; see src/engine/native/setting-names-header.ts. Do not edit. */',
    '#ifndef HATHI_SETTING_NAMES_H',
    '#define HATHI_SETTING_NAMES_H',
    '',
    ...namesOf('native').map((name) => `#define ${settingConstant(name)} "${name}"`),
    '',
    '/* Without one of these the master is of another version. */',
    '#define HATHI_SETTINGS_REQUIRED { \\',
    ...requiredSettings('native').map((name) => `\t${settingConstant(name)}, \\`),
    '}',
    '',
    '#endif',
    '',
  ].join('\n');
}
