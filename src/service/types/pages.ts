/** A page of a list; `next` is the cursor of the following page, null on the last. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** How much of a list to return, and from where. */
export interface PageQuery {
  limit: number;
  cursor?: string;
}
