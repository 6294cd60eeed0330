/** What may be called the bad luck of a shared machine, and tried again. */

/**
 * A failure that names its seed, as those of fast-check and of our proofs do, was drawn: another attempt would draw another
 * seed, and hide what the first has found.
 */
export const maybeBadLuck = /^(?![\s\S]*\bseed\b)/i;
