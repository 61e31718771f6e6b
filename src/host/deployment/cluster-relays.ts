/**
 * The relays of a deployment. Clients: one for each pair of an instance and a member, so that it is known whose
 * connection it is. Peers: one for each member, which all others use.
 */

import type { RecordMessage } from '../../harness/bed.ts';
import { HttpRecorder } from './http-messages.ts';
import { Links } from './links.ts';
import { PeerPassage } from './peer-passage.ts';
import { type Passage, TcpRelay } from './tcp-relay.ts';

export interface RelayedMember {
  readonly name: string;
  readonly url: string;
  /** Absent if it is not known how its peers reach it. */
  readonly peer?: { readonly url: string; readonly relayPort: number };
  /** Where the relay of each instance listens. */
  readonly instancePorts: ReadonlyMap<string, number>;
}

interface Relays {
  readonly url: URL;
  /** By instance. */
  readonly instances: ReadonlyMap<string, TcpRelay>;
  readonly peer: TcpRelay | undefined;
}

export class ClusterRelays {
  readonly links = new Links(() => this.#refresh());
  /** Told of the requests of instances on connections that are made from now on. */
  record: RecordMessage | undefined;
  readonly #members: ReadonlyMap<string, Relays>;
  #lastMessageId = 0;

  /** @param nameOf the member with this id, hexadecimal */
  constructor(members: readonly RelayedMember[], nameOf: (id: string) => string | undefined) {
    const names = members.map(({ name }) => name);
    this.#members = new Map(
      members.map(({ name, url, peer, instancePorts }) => {
        const instances = [...instancePorts].map(([instance, port]) => {
          const admit = () => this.#admitInstance(instance, name);
          return [instance, new TcpRelay({ port, destination: new URL(url), admit })] as const;
        });
        const peerRelay =
          peer &&
          new TcpRelay({
            port: peer.relayPort,
            destination: new URL(peer.url),
            admit: (refresh) =>
              new PeerPassage({ dest: name, members: names, links: this.links, nameOf, onKnown: refresh }),
          });
        return [name, { url: new URL(url), instances: new Map(instances), peer: peerRelay }];
      }),
    );
  }

  /** URLs of the members as an instance should use them; each instance begins with another one. */
  endpointsFor(instance: string): readonly string[] {
    const all = [...this.#members.values()].flatMap(({ url, instances }) => {
      const relay = instances.get(instance);
      return relay === undefined ? [] : [`${url.protocol}//127.0.0.1:${relay.port}`];
    });
    if (all.length === 0) throw new Error(`no relay of etcd is for ${instance}`);
    const [first] = this.#members.values();
    const turn = [...(first?.instances.keys() ?? [])].indexOf(instance) % all.length;
    return [...all.slice(turn), ...all.slice(0, turn)];
  }

  /** Whether connections to the member are taken. */
  isOpen(member: string): boolean {
    return this.#of(member).every((relay) => relay.isOpen);
  }

  /** Takes connections to the member. Rejects if a port is taken by another program. */
  async open(member: string): Promise<void> {
    await Promise.all(this.#of(member).map((relay) => relay.open()));
  }

  /** Connections to the member are refused. Those there are end as the member ends them. */
  refuse(member: string): void {
    for (const relay of this.#of(member)) relay.refuse();
  }

  /** Resets every connection between the two, whichever made it. */
  reset(one: string, other: string): void {
    for (const [source, dest] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#members.get(dest)?.instances.get(source)?.reset();
      this.#members.get(dest)?.peer?.reset(source);
    }
  }

  close(): void {
    for (const member of this.#members.keys()) for (const relay of this.#of(member)) relay.close();
  }

  #admitInstance(instance: string, member: string): Passage {
    const { record, links } = this;
    const nextId = () => ++this.#lastMessageId;
    const recorder = record && new HttpRecorder({ instance, member, record, nextId });
    return {
      source: instance,
      conditions: (direction) =>
        direction === 'out' ? links.conditions(instance, member) : links.conditions(member, instance),
      read: (direction, bytes) => recorder?.read(direction, bytes) ?? [],
    };
  }

  #of(member: string): readonly TcpRelay[] {
    const { instances, peer } = this.#members.get(member) as Relays;
    return peer === undefined ? [...instances.values()] : [peer, ...instances.values()];
  }

  #refresh(): void {
    for (const member of this.#members.keys()) for (const relay of this.#of(member)) relay.refresh();
  }
}
