/**
 * The option `--store` of services: which engine keeps what they are told. An engine is loaded when it is opened: most
 * commands that have the option need none.
 */

import { resolve } from 'node:path';
import type { KeyRing } from '../host/encryption/key-ring.ts';
import type { EtcdOptions, EtcdRules } from '../host/etcd/engine.ts';
import { parseEtcdStore } from '../host/etcd/store-address.ts';
import { MemoryEngine } from '../kv/memory-engine.ts';
import type { StoreEngine } from '../kv/store.ts';
import type { StoredState } from '../kv/stored-state.ts';
import type { Folder } from '../protocol/folder.ts';
import type { Option } from './options.ts';

/** What the engines need from the process, and from other options. */
export interface StoreSettings {
  /** Called once if the engine has stopped for good. The process should end. */
  readonly onFailure: (error: Error) => void;
  readonly warn: (text: string) => void;
  readonly patienceMs: number;
  readonly etcd: Omit<EtcdOptions, 'endpoints' | 'prefix' | 'warn'>;
  /** For a folder. */
  readonly keys?: KeyRing | undefined;
  /** Whether a folder is written anew when its keys change. */
  readonly followsKeys?: boolean;
  readonly rules?: StoreRules;
}

/** What a test may make wrong, to see that it notices. */
export interface StoreRules {
  readonly etcd?: EtcdRules;
  /** The folder as its engine sees it. */
  readonly folder?: (folder: Folder) => Folder;
  /** The engine as the node sees it. */
  readonly engine?: (engine: StoreEngine) => StoreEngine;
}

/** A store that is not open yet. */
export interface StoreChoice {
  /** As the user wrote it. */
  readonly text: string;
  readonly isEtcd: boolean;
  /** Whether it is reached by TLS, so that certificates are of use. */
  readonly usesTls: boolean;
  /** The folder that keeps it, as the user wrote it; undefined if none does. */
  readonly folder?: string;
  /** Whether only one instance at a time can have it. */
  readonly isExclusive: boolean;
  /** Rejects with a sentence that says why it cannot be had. */
  readonly open: (settings: StoreSettings) => Promise<StoreEngine>;
  /**
   * Reads what it holds at one moment, also while others write to it. Undefined: no other process can read it. Rejects
   * with a sentence that says why not.
   */
  readonly readState?: (settings: Pick<StoreSettings, 'etcd' | 'warn' | 'keys'>) => Promise<StoredState>;
}

const FOLDER_DEFAULT = './snowstorm-data';
const ETCD = 'etcd=';
/** A slip that would make a folder of this name: a store of its own for each instance, unnoticed. */
const MEANT_FOR_ETCD = /^(?:etcd$|etcd[:=]|\w+:\/\/)/i;

export const storeOption: Option<StoreChoice> = {
  value: 'DIR|memory|etcd=URL,…',
  text: `Where everything is kept. DIR: a log in a folder of this machine, for one instance.
etcd=URL[,URL…][/PREFIX]: the members of an etcd, for any number of instances. memory: nowhere, for
trying it out; nothing outlives the process. Default: ${FOLDER_DEFAULT}.`,
  absent: chooseStore(FOLDER_DEFAULT),
  parse: chooseStore,
};

function chooseStore(text: string): StoreChoice {
  if (text === '') throw new Error('expected a folder, memory or etcd=URL');
  if (text.startsWith(ETCD)) {
    const address = parseEtcdStore(text);
    const open = async ({ warn, patienceMs, etcd, rules }: StoreSettings) => {
      const { EtcdEngine } = await import('../host/etcd/engine.ts');
      return EtcdEngine.open({ ...address, ...etcd, warn, patienceMs }, rules?.etcd);
    };
    const readState = async ({ warn, etcd }: Pick<StoreSettings, 'etcd' | 'warn'>) => {
      const { readEtcdState } = await import('../host/etcd/state.ts');
      return readEtcdState({ ...address, ...etcd, warn });
    };
    const usesTls = address.endpoints.every((url) => url.startsWith('https:'));
    return { text, isEtcd: true, usesTls, isExclusive: false, open, readState };
  }
  if (MEANT_FOR_ETCD.test(text))
    throw new Error(
      'an etcd is given as etcd=URL[,URL…][/prefix], such as etcd=http://10.0.0.1:2379; for a folder of this name, ' +
        `write ./${text}`,
    );
  if (text === 'memory') {
    const open = async ({ patienceMs }: StoreSettings) => new MemoryEngine(patienceMs);
    return { text, isEtcd: false, usesTls: false, isExclusive: true, open };
  }
  return {
    text,
    isEtcd: false,
    usesTls: false,
    folder: text,
    isExclusive: true,
    open: async ({ rules, etcd: _, ...settings }) => {
      const { openDataFolder } = await import('../host/data-folder.ts');
      return openDataFolder(resolve(text), settings, rules?.folder);
    },
    readState: async ({ keys }) => {
      const { readDataFolder } = await import('../host/data-folder.ts');
      return readDataFolder(resolve(text), keys);
    },
  };
}
