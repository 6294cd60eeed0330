/** Where people are logged in already, as data: environment variables, and the files in which programs keep their own logins. */

export type CredentialKind = "api_key" | "oauth" | "token";

/** One credential as its keeper wrote it down. */
export interface FoundCredential {
  /** Whose models it opens: `anthropic`, `openai`, `google` … */
  readonly provider: string;
  readonly kind: CredentialKind;
  readonly value: string;
  /** The secret, and variable, by which a harness takes it; absent where it works only inside its own file. */
  readonly secret?: string;
  readonly expiresAt?: string;
  /** Its program renews it by itself. */
  readonly renewable?: boolean;
}

/** The file of one program's login. */
export interface Login {
  /** The program, as people call it. */
  readonly program: string;
  /** Relative to the home directory, with slashes. */
  readonly path: string;
  /** A variable by which people move it elsewhere, and where it is below that. */
  readonly moved?: { readonly variable: string; readonly path: string };
  /** What a file with this content holds. Whatever it throws means that the file is malformed, and must quote none of it. */
  read(content: unknown): readonly FoundCredential[];
}
