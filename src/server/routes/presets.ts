import type { FastifyInstance } from 'fastify';
import type { Services } from '../../service/types.ts';
import * as schemas from '../schemas/presets.ts';

export function presetRoutes(app: FastifyInstance, { presets }: Services): void {
  app.get('/v1/presets', { schema: schemas.list }, async () => presets.list());

  app.get<{ Params: schemas.NameParams }>('/v1/presets/:name', { schema: schemas.get }, async ({ params }) =>
    presets.get(params.name),
  );
}
