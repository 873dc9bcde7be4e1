/**
 * What the record of a rollout notes when a message has been sent, so that nobody is told twice: the start, the beginning of a rollback and the success once
 * a rollout; an end and an outage once an attempt, each hold by its number. A process that resumes a rollout is a new attempt.
 * @param attempt the generation of its lease
 */
export function marker(attempt: number): (kind: string) => string {
  let holds = 0;
  return (kind) => {
    switch (kind) {
      case 'hold':
        holds += 1;
        return `hold@${String(attempt)}.${String(holds)}`;
      case 'end':
      case 'outage':
        return `${kind}@${String(attempt)}`;
      default:
        return kind;
    }
  };
}
