// SPDX-License-Identifier: GPL-2.0-only
/* Every entry of the menus that has a symbol: symbols by name, choices by position. */

struct entry {
	struct menu *menu;
	size_t position;
};

static struct entry *entries;
static size_t entry_count;
static struct symbol **choices;
static size_t choice_count;

static size_t choice_number(const struct symbol *choice)
{
	size_t i;

	for (i = 0; i < choice_count; i++)
		if (choices[i] == choice)
			break;
	return i;
}

static void collect(struct menu *menu)
{
	static size_t position;

	for (; menu; menu = menu->next) {
		struct symbol *sym = menu->sym;

		if (sym && IS_CHOICE(sym) && choice_number(sym) == choice_count) {
			choices = checked(realloc(choices, (choice_count + 1) * sizeof(*choices)));
			choices[choice_count++] = sym;
		}
		if (sym) {
			entries = checked(realloc(entries, (entry_count + 1) * sizeof(*entries)));
			entries[entry_count++] = (struct entry){ menu, position++ };
		}
		collect(menu->list);
	}
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	const struct symbol *first = a->menu->sym, *second = b->menu->sym;
	int order = IS_CHOICE(second) - IS_CHOICE(first); /* choices come first */

	if (!order && IS_CHOICE(first))
		order = (choice_number(first) > choice_number(second)) - (choice_number(first) < choice_number(second));
	else if (!order)
		order = strcmp(first->name, second->name);
	return order ? order : (a->position > b->position) - (a->position < b->position);
}

/* Run *body* with `group` set to the entries of one symbol after the other, and `end` behind the last of them. */
#define FOR_EACH_SYMBOL(group, end)                                                                      \
	for (group = entries; (end = group_end(group)) != group; group = end)

static struct entry *group_end(struct entry *group)
{
	struct entry *end = group;

	while (end < entries + entry_count && end->menu->sym == group->menu->sym)
		end++;
	return end;
}

static void parse(void)
{
	const char *other = getenv("KBUILD_KCONFIG"); /* of user-mode Linux */

	conf_set_message_callback(NULL);
	conf_parse(other && *other ? other : "Kconfig");
	collect(&rootmenu);
	qsort(entries, entry_count, sizeof(*entries), compare_entries);
}

static struct symbol *choice_of(const struct menu *menu)
{
	for (menu = menu->parent; menu; menu = menu->parent)
		if (menu->sym && IS_CHOICE(menu->sym))
			return menu->sym;
	return NULL;
}
