import { test } from 'node:test';
import { expectValid, fuzz } from 'snowstorm/testing';
import node from './node.ts';
import workload from './workload.ts';

test('survives its faults', async () => {
  expectValid(await fuzz({ node, workload, seeds: 10 }));
});
