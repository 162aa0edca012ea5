// JSON Schema → text of TypeScript types.

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  format?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  patternProperties?: Record<string, JsonSchema>;
  discriminator?: { propertyName: string };
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
}

/** A schema that is as long as this when written down gets a name where it stands in several places, or is one of several kinds. */
const longSchema = 400;

/** Writes types; names those that the document has, and finds names for those that it repeats. */
export class TypeWriter {
  /** Named types, in the order in which they were first needed. */
  readonly named = new Map<string, { schema: JsonSchema; description?: string }>();
  private readonly names = new Map<string, string>();

  /** @param components by name; these names are taken as they are */
  constructor(components: Record<string, JsonSchema>) {
    for (const [name, schema] of Object.entries(components)) {
      this.named.set(name, { schema });
      this.names.set(identity(schema), name);
    }
  }

  /** Gives names, by the keys that they stand under, to long schemas in `roots` and the components. */
  nameRepeated(roots: [name: string, schema: JsonSchema][]): void {
    const seen = new Map<string, { schema: JsonSchema; name: string; times: number }>();
    const visit = (schema: JsonSchema, name: string) => {
      const text = identity(schema);
      const before = seen.get(text);
      if (before) before.times++;
      else {
        seen.set(text, { schema, name, times: 1 });
        for (const [inner, key] of innerSchemas(schema, name)) visit(inner, key);
      }
    };
    for (const [name, { schema }] of this.named) visit(schema, name);
    for (const [name, schema] of roots) visit(schema, name);
    for (const [text, { schema, name, times }] of seen) {
      const known = this.names.has(text) || text.length < longSchema;
      if (known || (times === 1 && !schema.discriminator)) continue;
      const free = this.freeName(name);
      this.names.set(text, free);
      this.named.set(free, { schema, description: schema.description });
    }
  }

  private freeName(name: string): string {
    // What a component has the name of is sent, as a rule, and the component answered.
    for (let count = 0; ; count++) {
      const candidate = name + (count === 0 ? '' : count === 1 ? 'Input' : `Input${count}`);
      if (!this.named.has(candidate)) return candidate;
    }
  }

  /** The type, by its name where it has one. */
  type(schema: JsonSchema): string {
    return this.names.get(identity(schema)) ?? this.body(schema);
  }

  /** The type, spelt out at its top. */
  body(schema: JsonSchema): string {
    if (schema.$ref) return this.reference(schema.$ref);
    if ('const' in schema) return JSON.stringify(schema.const);
    if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
    const parts: string[] = [];
    const alternatives = schema.anyOf ?? schema.oneOf;
    if (alternatives) parts.push(union(alternatives.map((inner) => this.type(inner))));
    for (const inner of schema.allOf ?? []) parts.push(this.type(inner));
    // Beside alternatives "object" only repeats what each of them is.
    const own = parts.length > 0 && !schema.properties ? undefined : this.plain(schema);
    if (own !== undefined) parts.push(own);
    return parts.length === 1 ? parts[0]! : parts.map((part) => (part.includes('|') ? `(${part})` : part)).join(' & ');
  }

  private reference(ref: string): string {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(ref)?.[1];
    if (!name || !this.named.has(name)) throw new Error(`the document refers to ${ref}, which it has not`);
    return name;
  }

  private plain(schema: JsonSchema): string {
    const { type } = schema;
    if (Array.isArray(type)) return union(type.map((one) => this.plain({ ...schema, type: one })));
    switch (type) {
      case 'string':
        return schema.format === 'binary' ? 'Blob' : 'string';
      case 'integer':
      case 'number':
        return 'number';
      case 'boolean':
      case 'null':
        return type;
      case 'array':
        return this.array(schema);
      case 'object':
        return this.object(schema);
      case undefined:
        return schema.properties ? this.object(schema) : schema.items ? this.array(schema) : 'unknown';
      default:
        throw new Error(`the document has a type "${type}"`);
    }
  }

  private array({ items, prefixItems }: JsonSchema): string {
    if (prefixItems) return `[${prefixItems.map((item) => this.type(item)).join(', ')}]`;
    return `Array<${items ? this.type(items) : 'unknown'}>`;
  }

  private object({ properties = {}, required = [], additionalProperties, patternProperties }: JsonSchema): string {
    const keys = Object.entries(properties).map(([key, schema]) => {
      const optional = required.includes(key) ? '' : '?';
      return `${comment(schema.description)}${propertyName(key)}${optional}: ${this.type(schema)};\n`;
    });
    const others = this.others(additionalProperties, patternProperties, keys.length > 0);
    if (keys.length === 0) return others ?? 'Record<string, unknown>';
    const known = `{\n${keys.join('')}}`;
    // An intersection: known keys need not be of the type of the others.
    return others ? `${known} & ${others}` : known;
  }

  private others(
    additional: JsonSchema['additionalProperties'],
    patterns: JsonSchema['patternProperties'],
    hasKnown: boolean,
  ): string | undefined {
    const pattern = Object.values(patterns ?? {}).map((schema) => this.type(schema));
    if (pattern.length > 0) return `Record<string, ${union(pattern)}>`;
    if (typeof additional === 'object') return `Record<string, ${this.type(additional)}>`;
    if (additional === true) return 'Record<string, unknown>';
    if (additional === false && !hasKnown) return 'Record<string, never>';
    return undefined;
  }
}

/** Schemas inside a schema, with the names that they would have. */
function innerSchemas(schema: JsonSchema, name: string): [JsonSchema, string][] {
  const found: [JsonSchema, string][] = Object.entries(schema.properties ?? {}).map(([key, inner]) => [
    inner,
    pascal(key),
  ]);
  if (schema.items) found.push([schema.items, singular(name)]);
  if (typeof schema.additionalProperties === 'object') found.push([schema.additionalProperties, singular(name)]);
  for (const inner of schema.prefixItems ?? []) found.push([inner, singular(name)]);
  for (const inner of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]) {
    const kind = inner.properties?.type?.const;
    found.push([inner, typeof kind === 'string' ? pascal(kind) + name : name]);
  }
  return found;
}

/** What two schemas share that are one type; keys in their order, descriptions with them. */
function identity(schema: JsonSchema): string {
  return JSON.stringify(schema);
}

export function pascal(text: string): string {
  return text.replace(/(?:^|[^a-zA-Z0-9]+)([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function singular(name: string): string {
  return name.endsWith('s') ? name.slice(0, -1) : `${name}Item`;
}

function union(types: string[]): string {
  return [...new Set(types)].join(' | ');
}

export function propertyName(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

/** A documentation comment, or nothing. */
export function comment(text: string | undefined): string {
  return text ? `/** ${text.replaceAll('*/', '*\\/').replace(/\s+/g, ' ')} */\n` : '';
}
