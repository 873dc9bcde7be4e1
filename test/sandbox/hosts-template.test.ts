import { describe, expect, test } from 'vitest';
import { compileTemplate, TemplateError } from '../../src/sandbox/hosts/process/go-template.js';

const data = {
  Name: '/web',
  Count: 3,
  Empty: '',
  Nil: null,
  List: ['a', 'b'],
  State: { Running: true, ExitCode: 0, Health: null },
  Labels: new Map([
    ['z.key', 'last'],
    ['a.key', '<first> & "quoted"'],
  ]),
  Ports: new Map([['3000/tcp', [{ HostIp: '127.0.0.1', HostPort: '8081' }]]]),
  Label: (key: unknown) => `label ${String(key)}`,
};

describe('templates', () => {
  test.each([
    ['plain', 'plain'],
    ['{{.Name}}', '/web'],
    ['{{ .State.Running }} {{.State.ExitCode}}', 'true 0'],
    ['{{json .}}', undefined],
    ['{{json .List}}{{json .Labels}}', '["a","b"]{"a.key":"<first> & \\"quoted\\"","z.key":"last"}'],
    ['{{json .Nil}}', 'null'],
    ['{{.List}} {{.Labels}}', '[a b] map[a.key:<first> & "quoted" z.key:last]'],
    ['{{index .Labels "z.key"}}|{{index .Labels "none"}}|', 'last||'],
    ['{{.Labels.none}}', '<no value>'],
    ['{{index .List 1}}', 'b'],
    ['{{(index (index .Ports "3000/tcp") 0).HostPort}}', '8081'],
    ['{{with index .Ports "3000/tcp"}}{{range .}}{{.HostIp}}:{{.HostPort}}{{end}}{{end}}', '127.0.0.1:8081'],
    ['{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}', 'a.key=<first> & "quoted";z.key=last;'],
    ['{{range $i, $e := .List}}{{if $i}},{{end}}{{$e}}{{end}}', 'a,b'],
    ['{{range .List}}{{.}}{{$.Count}} {{end}}', 'a3 b3 '],
    ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
    ['{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
    ['{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}', 'none'],
    ['{{if eq .Count 1}}one{{else if eq .Count 3}}three{{else}}many{{end}}', 'three'],
    ['{{if and .State.Running (not .Empty)}}yes{{end}}', 'yes'],
    ['{{or .Empty "default"}}', 'default'],
    ['{{if ne .Name "/web"}}x{{else}}y{{end}}', 'y'],
    ['{{eq .Name "/a" "/web"}}', 'true'],
    ['{{lt .Count 4}} {{ge .Count 4}}', 'true false'],
    ['{{len .List}} {{len .Name}} {{len .Labels}}', '2 4 2'],
    ['{{print .Count .Count "x"}}', '3 3x'],
    ['{{println .Name}}', '/web\n'],
    ['{{printf "%s %q %v %d%% %5d|%-4s|" .Name .Name .List .Count .Count "a"}}', '/web "/web" [a b] 3%     3|a   |'],
    ['{{join .List ", "}} {{upper .Name}} {{lower "ABC"}} {{title "a b"}}', 'a, b /WEB abc A B'],
    ['{{.Name | printf "%s-%s" "x"}}', 'x-/web'],
    ['{{$n := .Name}}{{$n}}{{$n = "q"}}{{$n}}', '/webq'],
    ['{{with .State}}{{.ExitCode}}{{end}}', '0'],
    ['a  {{- " b " -}}  c', 'a b c'],
    ['{{/* a comment with }} in it */}}x{{- /* y */ -}} z', 'xz'],
    ['{{.Label "k"}}', 'label k'],
    ['{{"}}"}}{{`raw "x"`}}', '}}raw "x"'],
    ['{{"tab\\tquote\\""}}', 'tab\tquote"'],
    ['{{split "a,b" ","}} {{truncate "abcdef" 3}} {{slice "abcdef" 1 3}}', '[a b] abc bc'],
    ['{{.Nil}}', '<no value>'],
  ])('%s', (template, wanted) => {
    const text = compileTemplate(template)(data);
    if (wanted !== undefined) expect(text).toBe(wanted);
  });

  test.each([
    ['{{.Foo}}', 'template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'],
    ['{{.State.Health.Status}}', /at <\.State\.Health\.Status>: nil data; no entry for key "Status"/],
    ['{{.Name', 'template parsing error: template: :1: unclosed action'],
    ['{{nosuch .Name}}', 'template parsing error: template: :1: function "nosuch" not defined'],
    ['{{if .Name}}x', 'template parsing error: template: :1: unexpected EOF'],
    ['{{end}}', 'template parsing error: template: :1: unexpected {{end}}'],
    ['{{}}', 'template parsing error: template: :1: missing value for command'],
    ['{{if}}x{{end}}', 'template parsing error: template: :1: missing value for if'],
    ['{{.Name.Foo}}', /can't evaluate field Foo in type string/],
    ['{{index .List 9}}', /index out of range: 9/],
    ['{{eq .Name 1}}', /incompatible types for comparison/],
    ['{{$x}}', /undefined variable "\$x"/],
    ['{{template "x"}}', /not supported/],
  ])('refuses %s', (template, message) => {
    const apply = (): string => compileTemplate(template)(data);
    expect(apply).toThrow(TemplateError);
    expect(apply).toThrow(message);
  });
});
