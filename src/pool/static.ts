/** `pm = static`: always pm.max_children workers. */

import type { Plan } from './plan.ts';

/** Fills the pool at the start; a heartbeat finds it full unless something prevented that earlier. */
export function decideStatic(plan: Plan): void {
  const missing = plan.input.pool['pm.max_children'] - plan.running;
  switch (plan.input.event.type) {
    case 'start':
      plan.spawn(missing, 'start');
      return;
    case 'heartbeat':
      plan.spawn(missing, 'grow');
      return;
    case 'waiting':
      return;
    default:
      throw new Error(`static manager met the event ${JSON.stringify(plan.input.event)}`);
  }
}
