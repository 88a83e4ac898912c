// How are the components compiled?
export default { compilerOptions: { runes: true } };
