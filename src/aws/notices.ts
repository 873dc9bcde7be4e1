/** Told of what people should see although no call has failed for good: an operation that does not answer, one that another stands in for. */
export type Notices = (level: 'info' | 'warning', text: string) => void;
