import { z } from 'zod';
import { AwsError } from '../../../types.js';
import { integer, listOf, oneOf, readInput, text } from '../input.js';
import { page } from '../paging.js';
import type { Command, Invocation } from './command.js';
import { commandStatus, countsAsError, isFinal } from './command.js';
import { pluginOutput } from './output.js';

const PLUGIN = 'aws:runShellScript';
const COMMAND_ID = text(36, 36);
const FILTERS = listOf(
  z.object({
    key: oneOf(['InvokedAfter', 'InvokedBefore', 'Status', 'ExecutionStage', 'DocumentName']),
    value: text(1, 128),
  }),
  0,
  5,
).optional();
const LIST = z.object({
  CommandId: COMMAND_ID.optional(),
  InstanceId: z.string().optional(),
  MaxResults: integer(1, 50).optional(),
  NextToken: z.string().optional(),
  Filters: FILTERS,
  Details: z.boolean().optional(),
});
const GET = z.object({
  CommandId: COMMAND_ID,
  InstanceId: text(1, 20),
  PluginName: z.string().optional(),
});

type Filters = z.output<typeof FILTERS>;
/** Commands newest first, as AWS lists them. */
export type Commands = () => readonly Command[];

/**
 * GetCommandInvocation. Dates are ISO strings here and nowhere else in SSM; output stays empty until the end.
 * @throws AwsError InvocationDoesNotExist, also for a moment after SendCommand; InvalidPluginName
 */
export function getCommandInvocation(commands: Commands, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(GET, params);
  const command = commands().find((one) => one.id === input.CommandId && isVisible(one));
  const invocation = command?.invocations.find((one) => one.instanceId === input.InstanceId);
  if (command === undefined || invocation === undefined) {
    throw new AwsError('InvocationDoesNotExist', '');
  }
  if (input.PluginName !== undefined && ![PLUGIN, 'runShellScript', 'awsrunShellScript'].includes(input.PluginName)) {
    throw new AwsError('InvalidPluginName', `plugin ${input.PluginName} is not part of ${command.documentName}`);
  }
  const { startedAt, endedAt } = invocation;
  return {
    CommandId: command.id,
    InstanceId: invocation.instanceId,
    Comment: command.comment,
    DocumentName: command.documentName,
    DocumentVersion: command.documentVersion,
    PluginName: PLUGIN,
    ResponseCode: invocation.responseCode,
    ExecutionStartDateTime: startedAt?.toISOString() ?? '',
    ExecutionElapsedTime:
      startedAt !== undefined && endedAt !== undefined
        ? `PT${((endedAt.getTime() - startedAt.getTime()) / 1000).toFixed(3)}S`
        : '',
    ExecutionEndDateTime: endedAt?.toISOString() ?? '',
    Status: invocation.status,
    StatusDetails: invocation.details,
    StandardOutputContent: invocation.stdout,
    StandardOutputUrl: '',
    StandardErrorContent: invocation.stderr,
    StandardErrorUrl: '',
    CloudWatchOutputConfig: { CloudWatchLogGroupName: '', CloudWatchOutputEnabled: false },
  };
}

/** ListCommandInvocations; `Details` adds the plugin with at most 2,500 characters of its output. */
export function listCommandInvocations(commands: Commands, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(LIST, params);
  const all = commands()
    .filter((command) => isVisible(command) && (input.CommandId === undefined || command.id === input.CommandId))
    .flatMap((command) => command.invocations.map((invocation) => ({ command, invocation })))
    .filter(({ invocation }) => input.InstanceId === undefined || invocation.instanceId === input.InstanceId)
    .filter(({ command, invocation }) => passes(input.Filters, command, invocation.status, invocation.details));
  const { items, next } = page('ListCommandInvocations', all, input.MaxResults ?? 50, input.NextToken);
  return {
    CommandInvocations: items.map(({ command, invocation }) => describe(command, invocation, input.Details === true)),
    ...next,
  };
}

/** ListCommands, newest first. */
export function listCommands(commands: Commands, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(LIST, params);
  const all = commands()
    .filter((command) => isVisible(command) && (input.CommandId === undefined || command.id === input.CommandId))
    .filter(
      (command) =>
        input.InstanceId === undefined || command.invocations.some((one) => one.instanceId === input.InstanceId),
    )
    .filter((command) => {
      const { status, details } = commandStatus(command);
      return passes(input.Filters, command, status, details);
    });
  const { items, next } = page('ListCommands', all, input.MaxResults ?? 50, input.NextToken);
  return { Commands: items.map(commandAnswer), ...next };
}

/** The `Command` structure of SendCommand and ListCommands. */
export function commandAnswer(command: Command): Record<string, unknown> {
  const { status, details } = commandStatus(command);
  const requested = seconds(command.requestedAt);
  return {
    CommandId: command.id,
    DocumentName: command.documentName,
    DocumentVersion: command.documentVersion,
    Comment: command.comment,
    ExpiresAfter: requested + command.timeoutSeconds + command.executionSeconds,
    Parameters: command.parameters,
    InstanceIds: command.instanceIds,
    Targets: command.targets.map(({ key, values }) => ({ Key: key, Values: values })),
    RequestedDateTime: requested,
    Status: status,
    StatusDetails: details,
    OutputS3BucketName: '',
    OutputS3KeyPrefix: '',
    MaxConcurrency: command.maxConcurrency,
    MaxErrors: command.maxErrors,
    TargetCount: command.invocations.length,
    CompletedCount: command.invocations.filter(isFinal).length,
    ErrorCount: command.invocations.filter(countsAsError).length,
    DeliveryTimedOutCount: command.invocations.filter((one) => one.details === 'DeliveryTimedOut').length,
    ServiceRole: '',
    NotificationConfig: { NotificationArn: '', NotificationEvents: [], NotificationType: '' },
    CloudWatchOutputConfig: { CloudWatchLogGroupName: '', CloudWatchOutputEnabled: false },
    TimeoutSeconds: command.timeoutSeconds,
  };
}

function describe(command: Command, invocation: Invocation, details: boolean): Record<string, unknown> {
  return {
    CommandId: command.id,
    InstanceId: invocation.instanceId,
    InstanceName: invocation.instanceName,
    Comment: command.comment,
    DocumentName: command.documentName,
    DocumentVersion: command.documentVersion,
    RequestedDateTime: seconds(command.requestedAt),
    Status: invocation.status,
    StatusDetails: invocation.details,
    StandardOutputUrl: '',
    StandardErrorUrl: '',
    CommandPlugins: details ? [plugin(invocation)] : [],
    ServiceRole: '',
    NotificationConfig: { NotificationArn: '', NotificationEvents: [], NotificationType: '' },
    CloudWatchOutputConfig: { CloudWatchLogGroupName: '', CloudWatchOutputEnabled: false },
  };
}

function plugin(invocation: Invocation): Record<string, unknown> {
  const { startedAt, endedAt } = invocation;
  return {
    Name: PLUGIN,
    Status: invocation.status === 'Cancelling' ? 'InProgress' : invocation.status,
    StatusDetails: invocation.details,
    ResponseCode: invocation.responseCode,
    ...(startedAt === undefined ? {} : { ResponseStartDateTime: seconds(startedAt) }),
    ...(endedAt === undefined ? {} : { ResponseFinishDateTime: seconds(endedAt) }),
    Output: pluginOutput(invocation.stdout, invocation.stderr),
    StandardOutputUrl: '',
    StandardErrorUrl: '',
    OutputS3Region: '',
    OutputS3BucketName: '',
    OutputS3KeyPrefix: '',
  };
}

function passes(filters: Filters, command: Command, status: string, details: string): boolean {
  return (filters ?? []).every(({ key, value }) => {
    switch (key) {
      case 'InvokedAfter':
        return command.requestedAt > instant(value);
      case 'InvokedBefore':
        return command.requestedAt < instant(value);
      case 'Status':
        return value === status || value === details;
      case 'ExecutionStage':
        return value === (command.invocations.every(isFinal) ? 'Complete' : 'Executing');
      case 'DocumentName':
        return value === command.documentName;
    }
  });
}

function instant(value: string): Date {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) {
    throw new AwsError('ValidationException', `filter value '${value}' is not a timestamp like 2024-07-07T00:00:00Z`);
  }
  return date;
}

function isVisible(command: Command): boolean {
  return performance.now() >= command.visibleAt;
}

function seconds(date: Date): number {
  return date.getTime() / 1000;
}
