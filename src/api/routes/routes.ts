/** Every route that becomes a message, in the order of the reference. */

import type { Route } from '../route.ts';
import { IDS_ROUTES } from './ids-routes.ts';
import { TRANSFER_ROUTES } from './transfer-routes.ts';
import { VOUCHER_ROUTES } from './voucher-routes.ts';

export const ROUTES: readonly Route[] = [...IDS_ROUTES, ...VOUCHER_ROUTES, ...TRANSFER_ROUTES];
