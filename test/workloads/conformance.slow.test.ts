/** What every workload must do (`conformance.test.ts`), for tests that take half a minute. */

import { it } from 'vitest';
import { findWorkload } from '../../src/workloads/registry.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { expectAnswersTwice, SLOW_WHEN_DOUBLED } from '../support/conformance.ts';

/** On a busy machine, ms. */
const TIMEOUT_MS = 300_000;

it(`answers a duplicated request twice, each time as declared: ${SLOW_WHEN_DOUBLED}`, { timeout: TIMEOUT_MS }, () =>
  expectAnswersTwice(findWorkload(SLOW_WHEN_DOUBLED) as Workload),
);
