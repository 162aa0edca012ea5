/** Something that is allowed, but most likely not what was meant. */
export interface Warning {
  /** Stable: what a program may test. */
  code: string;
  message: string;
}
