import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  type Field,
  fieldBytes,
  headerFields,
  headerSize,
  hostRegion,
  masterRegion,
  routeCount,
  routeFields,
  routeSize,
  routesPosition,
  routesSize,
  routesStart,
  routeTableFields,
  scoreboardSize,
  slotFields,
  slotNumbersEnd,
  slotPosition,
  slotSize,
  slotUsedEnd,
} from '../../src/scoreboard/layout.ts';
import { layoutTables } from '../../src/scoreboard/table.ts';

const alignment = { u32: 4, u64: 8, bytes: 8, string: 2 } as const;

for (const [name, fields, size] of [
  ['header', headerFields, headerSize],
  ['slot', slotFields, slotSize],
  ['table of routes', routeTableFields, routesStart],
  ['route', routeFields, routeSize],
] as const) {
  test(`fields of the ${name} are aligned, in order, apart and inside`, () => {
    let end = 0;
    const names = new Set<string>();
    for (const field of fields as readonly Field[]) {
      assert.equal(field.offset % alignment[field.type], 0, `${field.name} is aligned`);
      assert.ok(field.offset >= end, `${field.name} starts after the field before it`);
      assert.ok(!names.has(field.name), `${field.name} is there once`);
      names.add(field.name);
      end = field.offset + fieldBytes(field);
    }
    assert.ok(end <= size);
  });
}

test('number fields have the size of their type', () => {
  for (const field of [
    ...headerFields,
    ...slotFields,
    ...routeTableFields,
    ...routeFields,
  ] as readonly Field[]) {
    if (field.type === 'u32') assert.equal(field.size, 4, field.name);
    if (field.type === 'u64') assert.equal(field.size, 8, field.name);
  }
});

test('each region of the header has one writer', () => {
  const regions = { creation: { start: 0, end: masterRegion.start }, master: masterRegion };
  for (const field of headerFields) {
    const end = field.offset + fieldBytes(field);
    if (field.writer === 'host') {
      assert.ok(field.offset >= hostRegion.start, field.name);
    } else {
      const region = regions[field.writer];
      assert.ok(field.offset >= region.start && end <= region.end, field.name);
    }
  }
  assert.ok(slotFields.every(({ writer }) => writer === 'worker'));
});

test('what is read every second stands before all strings of a slot', () => {
  for (const field of slotFields as readonly Field[]) {
    const end = field.offset + fieldBytes(field);
    assert.ok(end <= slotNumbersEnd || field.offset >= slotNumbersEnd, field.name);
    if (field.type === 'string') assert.ok(field.offset >= slotNumbersEnd, field.name);
    assert.ok(field.offset + fieldBytes(field) <= slotUsedEnd, field.name);
  }
});

test('slots follow the header without gaps, and the routes follow them', () => {
  assert.equal(slotPosition(0), headerSize);
  assert.equal(routesPosition(3), slotPosition(3));
  assert.equal(scoreboardSize(3), routesPosition(3) + routesSize);
  assert.ok(routesStart + (routeCount + 1) * routeSize <= routesSize);
});

test('the table in docs/contract.md is the one made from the list of fields', () => {
  const contract = readFileSync(new URL('../../docs/contract.md', import.meta.url), 'utf8');
  const [, table] = /<!-- layout -->\n([\s\S]*?)<!-- \/layout -->/.exec(contract) ?? [];
  assert.equal(table, layoutTables());
});
