/** @module XML of annotations, parsed within bounds: without entities of its own, and as texts. */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { DataError } from "../../util/errors.js";

export interface XmlOptions {
  /** Tells by its path which element is a list even where there is one. */
  readonly isList: (path: string) => boolean;
  /** Read attributes, under their own names. */
  readonly attributes?: boolean;
}

/** Parses a file. DataError, naming `where`, if it is not XML or declares entities. */
export function parseXml(xml: string, where: string, { isList, attributes = false }: XmlOptions): unknown {
  if (/<!ENTITY/i.test(xml)) throw new DataError(`${where}: expected XML without entities of its own, got some`);
  const parser = new XMLParser({
    // Names and numbers are for the schema to judge: "007" is a class, not 7.
    parseTagValue: false,
    ignoreAttributes: !attributes,
    attributeNamePrefix: "",
    isArray: (_, path) => typeof path === "string" && isList(path),
  });
  try {
    const valid = XMLValidator.validate(xml);
    if (valid !== true) throw new DataError(`${where}: expected XML, got an error in line ${valid.err.line}: ${valid.err.msg}`);
    return parser.parse(xml);
  } catch (cause) {
    // The parser has plain errors of its own: an unclosed DOCTYPE, elements nested too deep.
    if (cause instanceof DataError) throw cause;
    const reason = (cause as Error).message.split("\n")[0];
    throw new DataError(`${where}: expected XML, got an error: ${reason}`, { cause });
  }
}
