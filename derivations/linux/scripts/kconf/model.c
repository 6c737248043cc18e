// SPDX-License-Identifier: GPL-2.0-only
/* The model, as JSON. */

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char character = *text;

		if (character == '"' || character == '\\')
			fprintf(out, "\\%c", character);
		else if (character < ' ')
			fprintf(out, "\\u%04x", character);
		else
			fputc(character, out);
	}
	fputc('"', out);
}

static void print_operand(FILE *out, const struct symbol *sym)
{
	/* A number without quotation marks is, to Kconfig, a symbol that nothing defines. */
	bool number = sym->name && sym->type == S_UNKNOWN && !sym->prop &&
		      (isdigit((unsigned char)sym->name[0]) || sym->name[0] == '-');

	if (IS_CHOICE(sym)) {
		fprintf(out, "\"@%zu\"", choice_number(sym) + 1);
	} else if (number || (sym->flags & SYMBOL_CONST)) {
		fputs("{\"value\":", out);
		print_string(out, sym->name);
		fputc('}', out);
	} else {
		print_string(out, sym->name);
	}
}

static void print_expr(FILE *out, const struct expr *expr);

static void print_terms(FILE *out, const struct expr *expr, int type)
{
	if ((int)expr->type == type) {
		print_terms(out, expr->left.expr, type);
		print_terms(out, expr->right.expr, type);
	} else {
		fputc(',', out);
		print_expr(out, expr);
	}
}

static const char *comparison(int type)
{
	switch (type) {
	case E_EQUAL:
		return "=";
	case E_UNEQUAL:
		return "!=";
	case E_LTH:
		return "<";
	case E_LEQ:
		return "<=";
	case E_GTH:
		return ">";
	case E_GEQ:
		return ">=";
	default:
		die("an expression of an unknown kind, %d", type);
	}
}

static void print_expr(FILE *out, const struct expr *expr)
{
	switch (expr->type) {
	case E_SYMBOL:
		print_operand(out, expr->left.sym);
		return;
	case E_NOT:
		fputs("[\"!\",", out);
		print_expr(out, expr->left.expr);
		break;
	case E_AND:
	case E_OR:
		fputs(expr->type == E_AND ? "[\"&&\"" : "[\"||\"", out);
		print_terms(out, expr, expr->type);
		break;
	default:
		fprintf(out, "[\"%s\",", comparison(expr->type));
		print_operand(out, expr->left.sym);
		fputc(',', out);
		print_operand(out, expr->right.sym);
	}
	fputc(']', out);
}

/* An expression that is missing, and mostly one that is y, is not written. */
static void print_member(FILE *out, const char *name, struct expr *expr, bool even_yes)
{
	if (!expr || (!even_yes && expr_is_yes(expr)))
		return;
	fprintf(out, ",\"%s\":", name);
	print_expr(out, expr);
}

static void print_titles(FILE *out, const struct menu *menu, bool *first)
{
	if (!menu || menu == &rootmenu)
		return;
	print_titles(out, menu->parent, first);
	if (!menu->prompt || !menu->prompt->text || menu->prompt->type != P_MENU)
		return;
	if (!*first)
		fputc(',', out);
	*first = false;
	print_string(out, menu->prompt->text);
}

static void print_property(FILE *out, const struct property *it)
{
	bool first = true;

	if (it->text) {
		fputs("\"text\":", out);
		print_string(out, it->text);
		fputs(",\"menus\":[", out);
		print_titles(out, it->menu ? it->menu->parent : NULL, &first);
		fputc(']', out);
	} else if (it->type == P_RANGE) {
		fputs("\"low\":", out);
		print_operand(out, it->expr->left.sym);
		fputs(",\"high\":", out);
		print_operand(out, it->expr->right.sym);
	} else {
		fputs(it->type == P_DEFAULT ? "\"value\":" : "\"target\":", out);
		print_expr(out, it->expr); /* of a select or imply: the one symbol */
	}
}

static void print_properties(FILE *out, const char *name, const struct symbol *sym, int type, int other)
{
	const struct property *it;
	const char *separator = "";

	fprintf(out, ",\"%s\":[", name);
	for (it = sym->prop; it; it = it->next) {
		if ((int)it->type != type && (int)it->type != other)
			continue;
		fprintf(out, "%s{", separator);
		print_property(out, it);
		print_member(out, "if", it->visible.expr, false);
		fputc('}', out);
		separator = ",";
	}
	fputc(']', out);
}

static void print_definitions(FILE *out, const struct entry *group, const struct entry *end)
{
	const struct entry *it;

	fputs(",\"definitions\":[", out);
	for (it = group; it < end; it++) {
		fputs(it == group ? "{\"file\":" : ",{\"file\":", out);
		print_string(out, FILE_OF(it->menu));
		fprintf(out, ",\"line\":%d", it->menu->lineno);
		print_member(out, "depends", it->menu->dep, false);
		fputc('}', out);
	}
	fputc(']', out);
}

static const char *type_name(int type)
{
	switch (type) {
	case S_BOOLEAN:
		return "bool";
	case S_TRISTATE: /* what sym_get_type() calls bool without CONFIG_MODULES */
		return "tristate";
	case S_INT:
		return "int";
	case S_HEX:
		return "hex";
	case S_STRING:
		return "string";
	default:
		return "unknown";
	}
}

/* What symbols and choices have in common */
static void print_common(FILE *out, const struct entry *group, const struct entry *end)
{
	struct symbol *sym = group->menu->sym;
	const struct entry *it;

	fprintf(out, ",\"type\":\"%s\"", type_name(sym->type));
	print_properties(out, "prompts", sym, P_PROMPT, P_MENU);
	print_properties(out, "defaults", sym, P_DEFAULT, P_DEFAULT);
	print_properties(out, "selects", sym, P_SELECT, P_SELECT);
	print_properties(out, "implies", sym, P_IMPLY, P_IMPLY);
	print_properties(out, "ranges", sym, P_RANGE, P_RANGE);
	print_member(out, "depends", sym->dir_dep.expr, false);
	print_member(out, "selected_by", sym->rev_dep.expr, true);
	print_member(out, "implied_by", sym->implied.expr, true);
	print_definitions(out, group, end);
	for (it = group; it < end; it++) {
		if (!it->menu->help)
			continue;
		fputs(",\"help\":", out);
		print_string(out, it->menu->help);
		break;
	}
}

static void print_symbol(FILE *out, const struct entry *group, const struct entry *end)
{
	struct symbol *sym = group->menu->sym, *choice = NULL;
	const struct entry *it;

	fputs("{\"name\":", out);
	print_string(out, sym->name);
	print_common(out, group, end);
	for (it = group; it < end && !choice && sym_is_choice_value(sym); it++)
		choice = choice_of(it->menu);
	if (choice)
		fprintf(out, ",\"choice\":\"@%zu\"", choice_number(choice) + 1);
	if (IS_TRANSITIONAL(sym))
		fputs(",\"transitional\":true", out);
	fputs("}\n", out);
}

/* The members of *choice* below *menu*, in order of position */
static void print_members(FILE *out, struct menu *menu, const struct symbol *choice, const char **separator)
{
	for (; menu; menu = menu->next) {
		if (menu->sym && sym_is_choice_value(menu->sym) && choice_of(menu) == choice) {
			fputs(*separator, out);
			print_string(out, menu->sym->name);
			*separator = ",";
		}
		print_members(out, menu->list, choice, separator);
	}
}

static void print_choice(FILE *out, const struct entry *group, const struct entry *end)
{
	struct symbol *sym = group->menu->sym;
	const char *separator = "";
	const struct entry *it;

	fprintf(out, "{\"id\":\"@%zu\"", choice_number(sym) + 1);
	print_common(out, group, end);
	fputs(",\"members\":[", out);
	for (it = group; it < end; it++)
		print_members(out, it->menu->list, sym, &separator);
	fputs("]}\n", out);
}

static void print_about(FILE *out)
{
	static const struct {
		const char *member, *variable;
	} facts[] = { { "arch", "ARCH" }, { "srcarch", "SRCARCH" }, { "version", "KERNELVERSION" } };
	size_t i;

	for (i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		const char *value = getenv(facts[i].variable);

		fprintf(out, "%s\"%s\": ", i ? ", " : "{", facts[i].member);
		print_string(out, value ? value : "");
	}
	fputs("}\n", out);
}

static void dump(const char *directory)
{
	FILE *about = open_in(directory, "about", "w"), *index = open_in(directory, "index", "w");
	FILE *symbols = open_in(directory, "symbols", "w"), *list = open_in(directory, "choices", "w");
	FILE *files = open_in(directory, "files", "w");
	struct entry *group, *end;
	size_t i;

	print_about(about);
	FOR_EACH_SYMBOL(group, end) {
		if (IS_CHOICE(group->menu->sym)) {
			print_choice(list, group, end);
		} else {
			fprintf(index, "%s %ld\n", group->menu->sym->name, ftell(symbols));
			print_symbol(symbols, group, end);
		}
	}
	for (i = 0; i < entry_count; i++)
		fprintf(files, "%s\n", FILE_OF(entries[i].menu));
	close_file(about);
	close_file(files);
	close_file(index);
	close_file(symbols);
	close_file(list);
}
