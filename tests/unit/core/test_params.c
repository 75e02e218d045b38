#include "core/params.h"

#include "core/money.h"
#include "core/text.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

/* One row of every kind. */
#define SHOP_PARAMS(P, S)                                                                                            \
    P(S, F64, rate, 0.25, 0.0, 1.0, "share", "part of a sale that is taken")                                         \
    P(S, F64, drift, 0, -INFINITY, INFINITY, "", "any \"real\" number")                                              \
    P(S, I64, debt, -5, -1000000000000000000, 1000000000000000000, "", "a large whole number")                       \
    P(S, U32, epochs, 10, 1, 4294967295, "steps", "how long it runs")                                                \
    P(S, BOOL, open, true, 0, 1, "", "whether it sells at all")                                                      \
    P(S, MONEY, price, 2.5, 0, 1e12, "tokens", "of one piece")                                                       \
    P(S, ENUM, mood, 1, 0, 2, "calm|busy|closed", "how the shop feels | looks")                                      \
    P(S, TEXT, sign, "open", 1, 8, "", "words over the door")
PARAMS_DEFINE(shop, SHOP_PARAMS)

/* The two halves, as a header and its .c file would have them. */
#define LAMP_PARAMS(P, S) P(S, U32, watts, 40, 0, 100, "W", "how bright it is")
PARAMS_STRUCT(lamp, LAMP_PARAMS)
PARAMS_TABLE(lamp, LAMP_PARAMS)

/* Reads "shop: {text}" and binds what is below `shop`. */
static int
bind(const char *text, const char *const *also, struct shop *out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    char whole[512];
    int code;

    snprintf(whole, sizeof whole, "shop:\n  %s\n", text);
    code = yaml_read_text("t.yaml", whole, strlen(whole), &tree, why);
    if (code == 0)
        code = params_bind(&shop_params, yaml_find(yaml_root(tree), "shop"), also, out, why);
    yaml_destroy(&tree);
    return code;
}

static void
assert_defaults(const struct shop *shop)
{
    assert_true(shop->rate == 0.25);
    assert_true(shop->drift == 0);
    assert_int_equal(shop->debt, -5);
    assert_int_equal(shop->epochs, 10);
    assert_true(shop->open);
    assert_int_equal(shop->price, 2500000);
    assert_int_equal(shop->mood, 1);
    assert_string_equal(shop->sign, "open");
}

static void
defaults(void **state)
{
    struct yaml_tree *tree = NULL;
    struct shop shop;
    struct lamp lamp;
    struct why why = {0};

    (void)state;
    memset(&shop, 0xff, sizeof shop);
    params_default(&shop_params, &shop);
    assert_defaults(&shop);
    memset(&shop, 0xff, sizeof shop);
    assert_int_equal(params_bind(&shop_params, NULL, NULL, &shop, &why), 0);
    assert_defaults(&shop);
    assert_int_equal(yaml_read_text("t", "shop:", 5, &tree, &why), 0);
    assert_int_equal(params_bind(&shop_params, yaml_find(yaml_root(tree), "shop"), NULL, &shop, &why), 0);
    assert_defaults(&shop);
    yaml_destroy(&tree);
    assert_int_equal(sizeof shop.sign, 9);
    params_default(&lamp_params, &lamp);
    assert_int_equal(lamp.watts, 40);
    assert_int_equal(lamp_params.count, 1);
    assert_string_equal(lamp_params.name, "lamp");
}

static void
all_kinds(void **state)
{
    static const char *const also[] = {"owner", NULL};
    struct shop shop;
    struct why why = {0};

    (void)state;
    assert_int_equal(bind("{rate: 1, drift: -1e300, debt: 1000000000000000000, epochs: 4294967295, open: false, "
                          "price: 999999999999.123457, mood: closed, sign: 12345678, owner: [any, thing]}",
                         also, &shop, &why),
        0);
    assert_true(shop.rate == 1);
    assert_true(shop.drift == -1e300);
    assert_int_equal(shop.debt, INT64_C(1000000000000000000));
    assert_int_equal(shop.epochs, UINT32_MAX);
    assert_false(shop.open);
    assert_int_equal(shop.price, INT64_C(999999999999123457));
    assert_int_equal(shop.mood, 2);
    assert_string_equal(shop.sign, "12345678");
}

static const struct row {
    const char *name;
    const char *text;
    int code;
    const char *want; /* the reason; NULL: it is good */
} rows[] = {
    {"lowest", "rate: 0", 0, NULL},
    {"highest", "rate: 1.0", 0, NULL},
    {"too low", "rate: -0.1", ERR_INVALID, "t.yaml:2:9: shop.rate: must be between 0 and 1 (share), not -0.1"},
    {"too high", "rate: 1.5", ERR_INVALID, "t.yaml:2:9: shop.rate: must be between 0 and 1 (share), not 1.5"},
    {"a list for a number", "rate: [1]", ERR_INVALID, "t.yaml:2:9: shop.rate: expected a number, found a list"},
    {"a quoted number", "rate: '1'", ERR_INVALID,
        "t.yaml:2:9: shop.rate: expected a number, found the text \"1\"; remove the quotes"},
    {"nothing for a number", "rate:", ERR_INVALID,
        "t.yaml:2:8: shop.rate: expected a number, found nothing; write a value or remove the key"},
    {"an overflow", "drift: 1e999", ERR_LIMIT, "t.yaml:2:10: shop.drift: 1e999 is too large for a number"},
    {"infinity", "drift: .inf", ERR_INVALID, "t.yaml:2:10: shop.drift: expected a number, found '.inf'"},
    {"a real for an integer", "epochs: 3.5", ERR_INVALID,
        "t.yaml:2:11: shop.epochs: expected a whole number, found 3.5; write it with digits only"},
    {"an integer too low", "epochs: 0", ERR_INVALID,
        "t.yaml:2:11: shop.epochs: must be between 1 and 4294967295 (steps), not 0"},
    {"an integer of over 32 bits", "epochs: 4294967296", ERR_INVALID,
        "t.yaml:2:11: shop.epochs: must be between 1 and 4294967295 (steps), not 4294967296"},
    {"one over a bound that a double would round", "debt: 1000000000000000001", ERR_INVALID,
        "t.yaml:2:9: shop.debt: must be between -1e+18 and 1e+18, not 1000000000000000001"},
    {"yes for a boolean", "open: yes", ERR_INVALID,
        "t.yaml:2:9: shop.open: expected true or false, found 'yes'; write true"},
    {"an amount with an exponent", "price: 1e3", 0, NULL},
    {"a negative amount", "price: -1", ERR_INVALID,
        "t.yaml:2:10: shop.price: must be between 0 and 1000000000000 (tokens), not -1"},
    {"an amount over the bound by a millionth", "price: 1000000000000.000001", ERR_LIMIT, NULL},
    {"an amount of seven decimals", "price: 0.1234567", ERR_INVALID, NULL},
    {"an unknown choice", "mood: bussy", ERR_UNKNOWN,
        "t.yaml:2:9: shop.mood: unknown choice 'bussy'; did you mean 'busy'?"},
    {"a choice like none", "mood: melancholic", ERR_UNKNOWN,
        "t.yaml:2:9: shop.mood: unknown choice 'melancholic'; choose one of calm, busy, closed"},
    {"a list for a choice", "mood: [calm]", ERR_INVALID, "t.yaml:2:9: shop.mood: expected text, found a list"},
    {"a text too long", "sign: nine char", ERR_INVALID, "t.yaml:2:9: shop.sign: must have 1 to 8 bytes, not 9"},
    {"a text too short", "sign: ''", ERR_INVALID, "t.yaml:2:9: shop.sign: must have 1 to 8 bytes, not 0"},
    {"an unknown key", "epohcs: 5", ERR_UNKNOWN, "t.yaml:2:3: shop: unknown key 'epohcs'; did you mean 'epochs'?"},
    {"a key near one that others read", "ownr: 5", ERR_UNKNOWN,
        "t.yaml:2:3: shop: unknown key 'ownr'; did you mean 'owner'?"},
    {"a key like none", "temperature: 5", ERR_UNKNOWN,
        "t.yaml:2:3: shop: unknown key 'temperature'; the keys here are rate, drift, debt, epochs, open, price, mood, "
        "sign, owner"},
    {"a list for the map", "[1]", ERR_INVALID, "t.yaml:2:3: shop: expected a map of shop, found a list"},
};

static void
bind_row(void **state)
{
    static const char *const also[] = {"owner", NULL};
    const struct row *row = *state;
    struct shop shop;
    struct why why = {0};

    assert_int_equal(bind(row->text, also, &shop, &why), row->code);
    if (row->want != NULL)
        assert_string_equal(why.text, row->want);
    assert_int_equal(why.text[0] != '\0', row->code != 0);
}

/* What is put reads back as the same struct, every bit of it. */
static void
put(void **state)
{
    struct yaml_tree *tree = yaml_new("resolved");
    struct yaml_tree *again = NULL;
    struct shop shop, back;
    struct buffer out = {0};
    struct why why = {0};

    (void)state;
    params_default(&shop_params, &shop);
    params_put(&shop_params, &shop, tree, yaml_root(tree));
    yaml_write(yaml_root(tree), &out);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, "rate: 0.25\ndrift: 0\ndebt: -5\nepochs: 10\nopen: true\nprice: 2.5\n"
                                                "mood: busy\nsign: open\n");

    shop.rate = 0.1 + 0.2;
    shop.drift = -1.0 / 3;
    shop.debt = -999999999999999999;
    shop.price = 999999999999000001;
    shop.mood = 0;
    shop.open = false;
    memset(shop.sign, 0, sizeof shop.sign);
    memcpy(shop.sign, "12: #\n", 6);
    params_put(&shop_params, &shop, tree, yaml_root(tree));
    assert_int_equal(yaml_root(tree)->count, shop_params.count);
    buffer_clear(&out);
    yaml_write(yaml_root(tree), &out);
    assert_int_equal(yaml_read_text("again", (const char *)out.data, out.size, &again, &why), 0);
    assert_int_equal(params_bind(&shop_params, yaml_root(again), NULL, &back, &why), 0);
    assert_memory_equal(&back.rate, &shop.rate, sizeof back.rate);
    assert_memory_equal(&back.drift, &shop.drift, sizeof back.drift);
    assert_int_equal(back.debt, shop.debt);
    assert_int_equal(back.epochs, shop.epochs);
    assert_int_equal(back.price, shop.price);
    assert_int_equal(back.mood, shop.mood);
    assert_int_equal(back.open, shop.open);
    assert_memory_equal(back.sign, shop.sign, sizeof back.sign);
    buffer_fini(&out);
    yaml_destroy(&tree);
    yaml_destroy(&again);
}

static void
find(void **state)
{
    static const char *const names[] = {"alpha", "beta", NULL};

    (void)state;
    assert_ptr_equal(params_find(&shop_params, "epochs"), &shop_params.rows[3]);
    assert_null(params_find(&shop_params, "epoch"));
    assert_string_equal(params_nearest("beat", names), "beta");
    assert_null(params_nearest("gamma_ray", names));
}

static void
schema(void **state)
{
    struct buffer out = {0};
    json_error_t error;
    json_t *json, *properties, *row;

    (void)state;
    text_add(&out, "{");
    params_write_schema(&shop_params, &out);
    text_add(&out, "}");
    json = json_loadb((const char *)out.data, out.size, 0, &error);
    if (json == NULL)
        fail_msg("%s in %.*s", error.text, (int)out.size, (const char *)out.data);
    assert_true(json_is_false(json_object_get(json, "additionalProperties")));
    properties = json_object_get(json, "properties");
    assert_int_equal(json_object_size(properties), shop_params.count);

    row = json_object_get(properties, "rate");
    assert_string_equal(json_string_value(json_object_get(row, "type")), "number");
    assert_true(json_number_value(json_object_get(row, "minimum")) == 0);
    assert_true(json_number_value(json_object_get(row, "maximum")) == 1);
    assert_true(json_number_value(json_object_get(row, "default")) == 0.25);
    assert_string_equal(
        json_string_value(json_object_get(row, "description")), "part of a sale that is taken (share)");
    row = json_object_get(properties, "drift");
    assert_null(json_object_get(row, "minimum"));
    assert_null(json_object_get(row, "maximum"));
    row = json_object_get(properties, "epochs");
    assert_string_equal(json_string_value(json_object_get(row, "type")), "integer");
    row = json_object_get(properties, "open");
    assert_true(json_is_true(json_object_get(row, "default")));
    row = json_object_get(properties, "price");
    assert_true(json_number_value(json_object_get(row, "default")) == 2.5);
    row = json_object_get(properties, "mood");
    assert_int_equal(json_array_size(json_object_get(row, "enum")), 3);
    assert_string_equal(json_string_value(json_object_get(row, "default")), "busy");
    row = json_object_get(properties, "sign");
    assert_int_equal(json_integer_value(json_object_get(row, "maxLength")), 8);
    assert_string_equal(json_string_value(json_object_get(row, "default")), "open");
    json_decref(json);
    buffer_fini(&out);
}

static void
manual(void **state)
{
    static const char want[] =
        "| name | kind | default | range | unit | meaning |\n"
        "|---|---|---|---|---|---|\n"
        "| `rate` | number | `0.25` | 0 to 1 | share | part of a sale that is taken |\n"
        "| `drift` | number | `0` | any to any |  | any \"real\" number |\n"
        "| `debt` | integer | `-5` | -1e+18 to 1e+18 |  | a large whole number |\n"
        "| `epochs` | integer | `10` | 1 to 4294967295 | steps | how long it runs |\n"
        "| `open` | boolean | `true` | `true`, `false` |  | whether it sells at all |\n"
        "| `price` | amount | `2.5` | 0 to 1000000000000 | tokens | of one piece |\n"
        "| `mood` | choice | `busy` | `calm`, `busy`, `closed` |  | how the shop feels \\| looks |\n"
        "| `sign` | text | `open` | 1 to 8 bytes |  | words over the door |\n";
    struct buffer out = {0};

    (void)state;
    params_write_manual(&shop_params, &out);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, want);
    buffer_fini(&out);
}

/* ---- slips in a list ---- */

static const struct check_row {
    const char *name;
    struct param row;
    const char *want; /* NULL: good */
} check_rows[] = {
    {"a good one", {"a", PARAM_F64, 0, 0.5, NULL, 0, 1, "", "doc"}, NULL},
    {"a default too high", {"a", PARAM_F64, 0, 2, NULL, 0, 1, "", "doc"},
        "list.a: the default lies outside the bounds"},
    {"bounds upside down", {"a", PARAM_F64, 0, 0.5, NULL, 1, 0, "", "doc"}, "list.a: the bounds are upside down"},
    {"a broken whole number", {"a", PARAM_I64, 0, 0.5, NULL, 0, 1, "", "doc"},
        "list.a: the default is no whole number"},
    {"a negative U32", {"a", PARAM_U32, 0, 0, NULL, -1, 1, "", "doc"}, "list.a: the bounds leave 32 bits"},
    {"a choice too few", {"a", PARAM_ENUM, 0, 0, NULL, 0, 2, "x|y", "doc"},
        "list.a: the bounds are not 0 and the last choice"},
    {"a choice too many", {"a", PARAM_ENUM, 0, 0, NULL, 0, 1, "x|y|z", "doc"},
        "list.a: the bounds are not 0 and the last choice"},
    {"the right choices", {"a", PARAM_ENUM, 0, 0, NULL, 0, 2, "x|y|z", "doc"}, NULL},
    {"a text too long", {"a", PARAM_TEXT, 0, 0, "hello", 0, 4, "", "doc"},
        "list.a: the default lies outside the bounds"},
    {"a boolean of three values", {"a", PARAM_BOOL, 0, 0, NULL, 0, 2, "", "doc"},
        "list.a: the bounds of a boolean are 0 and 1"},
    {"no meaning", {"a", PARAM_BOOL, 0, 0, NULL, 0, 1, "", ""}, "list.a: says nothing of itself"},
};

static void
check(void **state)
{
    const struct check_row *row = *state;
    const struct params list = {"list", 8, &row->row, 1};
    struct why why = {0};

    assert_int_equal(params_check(&list, &why) != 0, row->want != NULL);
    assert_string_equal(why.text, row->want != NULL ? row->want : "");
}

static void
check_names(void **state)
{
    static const struct param twice[] = {
        {"a", PARAM_F64, 0, 0, NULL, 0, 1, "", "doc"}, {"a", PARAM_F64, 8, 0, NULL, 0, 1, "", "doc"}};
    const struct params list = {"list", 16, twice, 2};
    struct why why = {0};

    (void)state;
    assert_int_equal(params_check(&shop_params, &why), 0);
    assert_int_equal(params_check(&list, &why), ERR_INVALID);
    assert_string_equal(why.text, "list.a: two rows of one name");
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"defaults", defaults},
        {"every kind is read", all_kinds},
        {"what is put reads back", put},
        {"rows are found by name", find},
        {"the schema is JSON and says the bounds", schema},
        {"the manual is a table", manual},
        {"names are unique", check_names},
    };

    return TEST_ROWS("params_bind", rows, bind_row) + TEST_ROWS("params_check", check_rows, check) +
           TEST_CASES("params", cases);
}
