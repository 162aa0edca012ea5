type Behaviour =
  | 'crash'
  | 'sigkill'
  | 'sigkillOnce'
  | 'endless'
  | 'deaf'
  | 'diverge'
  | 'lastWords'
  | 'creep'
  | 'stuck'
  | 'noSpaceOnce'
  | 'noSpaceAtEnd';

/** Seeds and what the fake training process does for them; all others complete. */
export const behaviour: Record<Behaviour, number>;
