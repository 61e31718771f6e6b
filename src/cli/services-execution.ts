/** How `snowstorm test` runs services: instances that it starts, with the store under them, or instances that run. */

import { resolve } from 'node:path';
import { type RunObserver, TestRun } from '../harness/run.ts';
import { EtcdCluster } from '../host/deployment/etcd-cluster.ts';
import { type InstanceCommand, ServiceBed, type ServiceBedOptions } from '../host/deployment/service-bed.ts';
import { parseEtcdStore } from '../host/etcd/store-address.ts';
import type { LogOptions } from '../host/processes/logged-process.ts';
import { createRealScheduler } from '../host/real-scheduler.ts';
import type { Deployment, EngineChoice, ServedDeployment } from './deployment-options.ts';
import { UsageError } from './options.ts';
import type { TestTask } from './test-options.ts';

/** A run in real time, and the end of what it runs on. */
export interface RealRun {
  readonly run: TestRun;
  /** Ends everything that was started. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the store under the instances, if the test is to start one. The instances start with the run. Rejects with an
 * Error for people if the store cannot be started.
 */
export async function prepareServices(
  { workload, options }: TestTask,
  deployment: Deployment,
  logs: LogOptions,
  observer: RunObserver,
): Promise<RealRun> {
  let run: TestRun | undefined;
  const onMemberExit = (node: string, how: string) =>
    run?.report({ node, rule: 'exit', text: `${node} ended by itself: ${how}` });
  const cluster = deployment.kind === 'served' ? await startEngine(deployment, logs, onMemberExit) : undefined;
  const bed = new ServiceBed(
    deployment.kind === 'external'
      ? externalServices(deployment)
      : {
          instances: { ...logs, ...instanceCommand(deployment, cluster, workload.name, options.names ?? '') },
          ...(cluster && { engine: cluster, observe: (record) => cluster.observe(record) }),
        },
  );
  run = new TestRun(options, workload.test, bed, createRealScheduler(), observer);
  const close = async () => {
    try {
      await bed.close();
    } finally {
      await cluster?.close();
    }
  };
  return { run, close };
}

function externalServices({
  nodes,
  urls,
  token,
}: Extract<Deployment, { readonly kind: 'external' }>): ServiceBedOptions {
  return {
    instances: { urls: new Map(nodes.map((nodeId, index) => [nodeId, urls[index] as string])) },
    client: token === undefined ? {} : { token },
  };
}

/** Undefined for a store that has no links which could be disturbed. Rejects with a {@link UsageError}. */
async function startEngine(
  { engine, nodes }: ServedDeployment,
  { logFolder }: LogOptions,
  onExit: (name: string, how: string) => void,
): Promise<EtcdCluster | undefined> {
  if (engine.kind === 'started') {
    const { program, memberCount } = engine;
    const hint = `Each member is started as ${program}; --etcd FILE names another program`;
    return explained(engine, hint, EtcdCluster.start({ program, memberCount, instances: nodes, logFolder, onExit }));
  }
  if (!engine.store.isEtcd || engine.store.usesTls) return undefined;
  const hint = 'Every member must run, be reached from here, and take writes without a password';
  return explained(engine, hint, EtcdCluster.relayTo(parseEtcdStore(engine.text).endpoints, nodes));
}

async function explained(engine: EngineChoice, hint: string, start: Promise<EtcdCluster>): Promise<EtcdCluster> {
  try {
    return await start;
  } catch (error) {
    throw new UsageError(`--engine ${engine.text}: ${(error as Error).message}. ${hint}`);
  }
}

function instanceCommand(
  { engine, program, args }: ServedDeployment,
  cluster: EtcdCluster | undefined,
  workload: string,
  names: string,
): Omit<InstanceCommand, keyof LogOptions> {
  const own = [...process.execArgv, process.argv[1] as string];
  return {
    program: program ?? process.execPath,
    args: [...(program === undefined ? own : []), 'serve'],
    argsOf: (nodeId) => ['--store', storeOf(engine, cluster, nodeId, names), '--workload', workload, ...args],
  };
}

/** The value of `--store` for one instance. */
function storeOf(engine: EngineChoice, cluster: EtcdCluster | undefined, nodeId: string, names: string): string {
  if (engine.kind === 'started') return `etcd=${cluster?.endpointsFor(nodeId).join(',')}`;
  if (engine.store.isEtcd) {
    const { endpoints, prefix } = parseEtcdStore(engine.text);
    // What serves there already, under the prefix that it has unless it was given another, is left alone.
    const own = prefix === parseEtcdStore('etcd=http://127.0.0.1').prefix ? `snowstorm-test-${names}` : prefix;
    return `etcd=${(cluster?.endpointsFor(nodeId) ?? endpoints).join(',')}/${own}`;
  }
  return engine.store.folder === undefined ? engine.text : resolve(engine.store.folder);
}
