import { test } from 'node:test';
import { expectValid, fuzz } from 'snowstorm/testing';
import node from './node.ts';

test('survives its faults', async () => {
  expectValid(await fuzz({ node, workload: 'g-counter', seeds: 10 }));
});
