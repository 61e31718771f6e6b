/** What the server serves at one method and path. */

import type { RawInput } from '../../api/input.ts';
import type { Scope } from '../../api/route.ts';
import type { Routed } from '../../api/router.ts';
import type { Answer } from '../../api/service.ts';
import type { Caller } from './access.ts';

export interface Endpoint extends Routed {
  /** Undefined: any valid token will do. */
  readonly scope: Scope | undefined;
  /** Whether it needs no token. */
  readonly isOpen: boolean;
  /** Whether the rate limit of a client holds for it. */
  readonly isLimited: boolean;
  /** Whether it is answered without the node: also at the start, and under overload. */
  readonly isSystem: boolean;
  /**
   * @param path as it came
   * @param trace the id of the request's trace, 32 hexadecimal digits
   */
  readonly answer: (raw: RawInput, path: string, caller: Caller, trace: () => string) => Answer | Promise<Answer>;
}
