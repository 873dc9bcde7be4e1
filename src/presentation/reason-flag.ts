import { Flags } from '@oclif/core';
import { words } from '../domain/text.js';

/** It is stored in a parameter of 4 KB, and stands in alerts. */
const MOST_REASON = 500;

/** Why somebody asks a running rollout for something. A long one is cut: in a bad hour it must not refuse the request. */
export const reasonFlag = (description: string) =>
  Flags.custom<string>({ parse: (text) => Promise.resolve(words(text, MOST_REASON)) })({ description });

/** As an option of the request: blanks alone are no reason. */
export function reasonOf({ reason }: { readonly reason?: string | undefined }): { readonly reason?: string } {
  return reason === undefined || reason === '' ? {} : { reason };
}
