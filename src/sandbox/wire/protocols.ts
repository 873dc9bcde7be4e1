import type { AwsError } from '../types.js';
import { escapeXml, toXml } from './xml.js';

export type ServiceName = 'ec2' | 'elbv2' | 'ssm' | 'sts';

/** An answer ready to be sent. */
export interface WireAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** How one service speaks: its answers, its errors, and the code that it uses for throttling. */
export interface Protocol {
  success(operation: string, result: Record<string, unknown>, requestId: string): WireAnswer;
  failure(error: AwsError, requestId: string): WireAnswer;
  /** Code and HTTP status of a throttled call. */
  readonly throttled: { readonly code: string; readonly message: string; readonly status: number };
}

const xmlType = 'text/xml;charset=UTF-8';

function queryProtocol(namespace: string): Protocol {
  return {
    success: (operation, result, requestId) => ({
      status: 200,
      contentType: xmlType,
      body:
        `<${operation}Response xmlns="${namespace}"><${operation}Result>${toXml(result, 'member')}</${operation}Result>` +
        `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`,
    }),
    failure: (error, requestId) => ({
      status: error.status,
      contentType: xmlType,
      body:
        `<ErrorResponse xmlns="${namespace}"><Error><Type>${error.status < 500 ? 'Sender' : 'Receiver'}</Type>` +
        `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message></Error>` +
        `<RequestId>${requestId}</RequestId></ErrorResponse>`,
    }),
    throttled: { code: 'ThrottlingException', message: 'Rate exceeded', status: 400 },
  };
}

const ec2: Protocol = {
  success: (operation, result, requestId) => ({
    status: 200,
    contentType: xmlType,
    body:
      `<${operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>${requestId}</requestId>` +
      `${toXml(result, 'item')}</${operation}Response>`,
  }),
  failure: (error, requestId) => ({
    status: error.status,
    contentType: xmlType,
    body:
      `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${escapeXml(error.code)}</Code>` +
      `<Message>${escapeXml(error.message)}</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`,
  }),
  throttled: { code: 'RequestLimitExceeded', message: 'Request limit exceeded.', status: 503 },
};

const json11: Protocol = {
  success: (_operation, result) => ({
    status: 200,
    contentType: 'application/x-amz-json-1.1',
    body: JSON.stringify(result),
  }),
  failure: (error) => ({
    status: error.status,
    contentType: 'application/x-amz-json-1.1',
    body: JSON.stringify({ __type: error.code, message: error.message }),
  }),
  throttled: { code: 'ThrottlingException', message: 'Rate exceeded', status: 400 },
};

/** Sources: the Query and EC2 API references of each service; SSM's JSON 1.1 as the SDKs speak it. */
export const protocols: Readonly<Record<ServiceName, Protocol>> = {
  ec2,
  elbv2: queryProtocol('http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/'),
  ssm: json11,
  sts: queryProtocol('https://sts.amazonaws.com/doc/2011-06-15/'),
};

/** Which service a form's `Version` names. */
export const serviceOfVersion: Readonly<Record<string, ServiceName>> = {
  '2016-11-15': 'ec2',
  '2015-12-01': 'elbv2',
  '2011-06-15': 'sts',
};

/** Prefix of `X-Amz-Target` in SSM calls. */
export const ssmTarget = 'AmazonSSM.';

/** The service that a call is for, without reading more of it than that. */
export function serviceOf(target: string | string[] | undefined, body: string): ServiceName | undefined {
  if (typeof target === 'string') return target.startsWith(ssmTarget) ? 'ssm' : undefined;
  const version = /(?:^|&)Version=(\d{4}-\d\d-\d\d)(?:&|$)/.exec(body)?.[1];
  return version === undefined ? undefined : serviceOfVersion[version];
}
