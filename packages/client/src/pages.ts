/** Lists that come in pages, read one item after the other. */

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string | undefined;
}

/** Asks for the next page only when the one before has been used up. */
export async function* pagesOf<Item>(
  from: string | undefined,
  read: (from: string | undefined) => Promise<Page<Item>>,
): AsyncGenerator<Item, void> {
  for (let next = from; ; ) {
    const page = await read(next);
    yield* page.items;
    if (page.next === undefined) return;
    next = page.next;
  }
}
