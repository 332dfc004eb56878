import { compile } from 'json-schema-to-typescript';
import type { JSONSchema } from 'json-schema-to-typescript';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import style from '../../../.prettierrc.json' with { type: 'json' };
import schema from '../../../convert/hypnos_convert/schema/hypnos-package.schema.json' with { type: 'json' };

test('the TypeScript type of a manifest is the schema (`npx vitest run --project unit -u` writes it)', async () => {
  const types = await compile(schema as unknown as JSONSchema, 'HypnosPackage', {
    bannerComment:
      '/** Generated from convert/hypnos_convert/schema/hypnos-package.schema.json by tests/unit/packages/manifest-types.test.ts. */',
    format: false,
    ignoreMinAndMaxItems: true, // tuples of up to 20,000 optional elements help nobody
  });
  const source = await format(types, { ...(style as object), parser: 'typescript' });
  await expect(source).toMatchFileSnapshot('../../../src/packages/manifest.generated.ts');
});
