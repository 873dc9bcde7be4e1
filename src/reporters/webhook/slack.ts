import { upTo } from '../../domain/text.js';
import type { DeployctlEvent } from '../../domain/event.js';
import { describe } from '../describe.js';

/** Slack truncates text after 40,000 characters and advises 4,000 (docs, chat.postMessage, "Truncating content"). */
const LONGEST = 3500;

/** `&`, `<` and `>` are Slack's own (docs, "Formatting text for app surfaces"): anything else of theirs needs one of these. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * The body for an incoming webhook: the same words as in a terminal.
 * @param mention prefixed where somebody is needed: `<!here>`, `<!subteam^S012>`
 */
export function slackBody(mention: string | undefined): (event: DeployctlEvent) => string {
  return (event) => {
    const sentence = describe(event, 'UTC');
    const [head, ...details] = [sentence?.text ?? '', ...(sentence?.details ?? [])].map(escaped);
    const block =
      details.length === 0 ? '' : upTo(`\n\`\`\`${details.join('\n').replaceAll('```', "'''")}`, LONGEST) + '```';
    const calls = mention !== undefined && needsSomebody(event) ? `${mention} ` : '';
    return JSON.stringify({ text: `${calls}*${upTo(head ?? '', 600).replaceAll('*', '∗')}*${block}` });
  };
}

function needsSomebody(event: DeployctlEvent): boolean {
  if (['rollback.started', 'hold.started', 'outage.started'].includes(event.type)) return true;
  return event.type === 'rollout.ended' && event.outcome !== 'succeeded' && event.outcome !== 'interrupted';
}
