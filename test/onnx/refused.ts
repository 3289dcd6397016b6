/** ONNX's own test cases that are left out, with the reason that the user is told. */
export const refused: Readonly<Record<string, RegExp>> = {
  test_identity_opt: /not a tensor \(a sequence, a map or an optional value\)/,
};
