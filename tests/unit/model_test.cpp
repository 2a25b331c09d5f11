// cachemodel: what a struct must be to be a model, and what is read off it.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <cachemodel/cachemodel.hpp>
#include <cachemodel/json.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

using detail::member_count;
using detail::member_name;
using detail::MemberType;

namespace shop {

struct Address {
    std::string street;
    int number = 1;
    bool operator==(const Address&) const = default;
};

struct Customer {
    static constexpr ModelOptions cache_options{
        .expires = 15min, .name = "customer", .cache = "shop", .version = 3};
    static constexpr WireNames wire_names{{"email", "mail"}, {"id", "number"}};

    Key<int> id;
    Field<std::string> email;
    Field<Address> address;
    std::vector<int> plain = {1, 2};
    Reference<Customer> parent;

    int age() const { return 5; }
    static int count() { return 1; }
    enum class Kind { small, large };
    struct Part {
        int size;
    };
};

/// Its converter gives itself, and so no key.
class Circular {
    friend Circular to_cache_key(const Circular& circular) { return circular; }
};

template <class T, std::size_t size>
struct Box {
    Key<std::string> label;
    Field<std::array<T, size>> contents;
};

}  // namespace shop

namespace {

struct Hidden {
    Key<int> id;
    Field<std::string> name;
};

/// Can be moved and not copied; written and read through its converters.
class Token {
 public:
    Token() = default;
    explicit Token(int number) : number_(std::make_unique<int>(number)) {}
    int number() const { return number_ ? *number_ : 0; }
    bool operator==(const Token& other) const { return number() == other.number(); }

 private:
    std::unique_ptr<int> number_;
};

void to_json(nlohmann::json& json, const Token& token) { json = token.number(); }
void from_json(const nlohmann::json& json, Token& token) { token = Token{json.get<int>()}; }

struct Ticket {
    Key<int> id;
    Field<Token> token;
    std::vector<Token> tokens;
};

/// All the kinds of members with defaults that have confused a count of members.
struct Defaults {
    Key<int> page = 1;
    Field<std::vector<std::string>> tags = {"a"};
    Field<std::map<int, std::string>> names = {{1, "x"}};
    Field<std::array<std::string, 2>> pair = std::array<std::string, 2>{"a", "b"};
    std::array<std::string, 2> plain_pair = {"c", "d"};
    std::vector<std::string> plain_tags = {"e", "f"};
    std::map<int, std::string> plain_names{{2, "y"}};
    std::string text = "text";
    shop::Address address = {"Main Street", 5};
    Field<shop::Address> wrapped_address = shop::Address{"Side Street", 6};
    std::optional<int> maybe = 7;
    std::variant<int, std::string> either = "either";
    nlohmann::json document = {{"a", 1}};
    Field<nlohmann::json> wrapped_document = nlohmann::json{1, 2};
    std::pair<int, std::string> couple{1, "z"};
    std::tuple<int, bool> tuple{1, true};
    std::chrono::seconds timeout = 5min;
    double share = 0.5;
    bool flag = true;
};

}  // namespace

// ---- counting and naming

TEST_CASE("members are counted whatever their types and defaults", "[reflect]") {
    STATIC_REQUIRE(member_count<shop::Address> == 2);
    STATIC_REQUIRE(member_count<shop::Customer> == 5);
    STATIC_REQUIRE(member_count<shop::Box<int, 3>> == 2);
    STATIC_REQUIRE(member_count<Hidden> == 2);
    STATIC_REQUIRE(member_count<Ticket> == 3);
    STATIC_REQUIRE(member_count<Defaults> == 19);

    struct None {};
    STATIC_REQUIRE(member_count<None> == 0);
    struct One {
        int a;
    };
    STATIC_REQUIRE(member_count<One> == 1);
    struct OneArray {
        std::array<std::string, 2> a = {"x", "y"};
    };
    STATIC_REQUIRE(member_count<OneArray> == 1);
    struct OneDocument {
        nlohmann::json a;
    };
    STATIC_REQUIRE(member_count<OneDocument> == 1);
    struct Pointers {
        std::unique_ptr<int> a = nullptr;
        std::unique_ptr<int> b;
        std::shared_ptr<int> c;
    };
    STATIC_REQUIRE(member_count<Pointers> == 3);
    struct OneOptional {
        std::optional<std::string> a;
    };
    STATIC_REQUIRE(member_count<OneOptional> == 1);
    struct Nested {
        shop::Address a;
        std::array<shop::Address, 2> b;
        struct {
            int x;
        } c;
    };
    STATIC_REQUIRE(member_count<Nested> == 3);
    struct Bits {
        unsigned a : 3;
        unsigned b : 5;
        int c;
    };
    STATIC_REQUIRE(member_count<Bits> == 3);
    struct Four {
        int a, b, c, d;
    };
    STATIC_REQUIRE(member_count<Four> == 4);
    struct Five {
        int a, b, c, d, e;
    };
    STATIC_REQUIRE(member_count<Five> == 5);
    struct Eight {
        int a, b, c, d, e, f, g, h;
    };
    STATIC_REQUIRE(member_count<Eight> == 8);
    struct Nine {
        int a, b, c, d, e, f, g, h;
        std::string i;
    };
    STATIC_REQUIRE(member_count<Nine> == 9);
}

namespace {

struct Wide {
    int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9;
    int b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    std::string c0, c1, c2, c3, c4, c5, c6, c7, c8, c9;
    int d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
    int e0, e1, e2, e3, e4, e5, e6, e7, e8, e9;
    int f0, f1, f2, f3, f4, f5, f6, f7, f8, f9;
    int g0, g1, g2, g3, g4, g5, g6, g7, g8, g9;
    int h0, h1, h2, h3, h4, h5, h6, h7, h8, h9;
    int i0, i1, i2, i3, i4, i5, i6, i7, i8, i9;
    int j0, j1, j2, j3, j4, j5, j6, j7, j8;
    Key<int> last;
};

}  // namespace

TEST_CASE("a model may have a hundred members", "[reflect][model]") {
    STATIC_REQUIRE(member_count<Wide> == 100);
    STATIC_REQUIRE(member_name<Wide, 0> == "a0");
    STATIC_REQUIRE(member_name<Wide, 49> == "e9");
    STATIC_REQUIRE(member_name<Wide, 99> == "last");
    STATIC_REQUIRE(Model<Wide>);

    const Models<Wide> models{Cache::open("memory://")};
    Wide wide{};
    wide.c9 = "text";
    wide.j8 = 5;
    wide.last = 7;
    models.save(wide);
    const Wide read = models.get(7);
    CHECK(read.c9 == "text");
    CHECK(read.j8 == 5);
}

TEST_CASE("members are named as the source names them", "[reflect]") {
    STATIC_REQUIRE(member_name<shop::Customer, 0> == "id");
    STATIC_REQUIRE(member_name<shop::Customer, 4> == "parent");
    STATIC_REQUIRE(member_name<shop::Box<int, 3>, 1> == "contents");
    STATIC_REQUIRE(member_name<shop::Box<std::vector<Hidden>, 3>, 0> == "label");
    STATIC_REQUIRE(member_name<Hidden, 1> == "name");
    STATIC_REQUIRE(member_name<Defaults, 1> == "tags");
    STATIC_REQUIRE(member_name<Defaults, 3> == "pair");
    STATIC_REQUIRE(member_name<Defaults, 13> == "wrapped_document");
    STATIC_REQUIRE(member_name<Defaults, 18> == "flag");
    STATIC_REQUIRE(member_name<Ticket, 2> == "tokens");

    struct Odd {
        int x;
        int _leading;
        int trailing_;
        int two__underscores;
        int name1;
        int CamelCase;
        int value;
        int held;
    };
    STATIC_REQUIRE(member_name<Odd, 0> == "x");
    STATIC_REQUIRE(member_name<Odd, 1> == "_leading");
    STATIC_REQUIRE(member_name<Odd, 2> == "trailing_");
    STATIC_REQUIRE(member_name<Odd, 3> == "two__underscores");
    STATIC_REQUIRE(member_name<Odd, 4> == "name1");
    STATIC_REQUIRE(member_name<Odd, 5> == "CamelCase");
    STATIC_REQUIRE(member_name<Odd, 6> == "value");
    STATIC_REQUIRE(member_name<Odd, 7> == "held");
}

TEST_CASE("members have the types that the source gives them", "[reflect]") {
    STATIC_REQUIRE(std::is_same_v<MemberType<shop::Customer, 0>, Key<int>>);
    STATIC_REQUIRE(std::is_same_v<MemberType<shop::Customer, 3>, std::vector<int>>);
    STATIC_REQUIRE(std::is_same_v<MemberType<shop::Customer, 4>, Reference<shop::Customer>>);
    STATIC_REQUIRE(std::is_same_v<MemberType<Defaults, 18>, bool>);
}

namespace {

template <class T>
std::string_view name_in_a_function_template() {
    struct Local {
        T first;
        Key<int> second;
    };
    return member_name<Local, 1>;
}

struct Host {
    static std::string_view name_in_a_member_function() {
        struct Local {
            int only;
        };
        return member_name<Local, 0>;
    }
};

}  // namespace

TEST_CASE("members of local types have names", "[reflect]") {
    CHECK(name_in_a_function_template<int>() == "second");
    CHECK(name_in_a_function_template<std::vector<Hidden>>() == "second");
    CHECK(Host::name_in_a_member_function() == "only");
    const auto in_a_lambda = [] {
        struct Local {
            int inside;
        };
        return member_name<Local, 0>;
    };
    CHECK(in_a_lambda() == "inside");
}

TEST_CASE("members are reached by their position", "[reflect]") {
    shop::Address address{"Main Street", 5};
    CHECK(detail::member<0>(address) == "Main Street");
    detail::member<1>(address) = 7;
    CHECK(address.number == 7);
    const auto& unchanged = address;
    STATIC_REQUIRE(std::is_same_v<decltype(detail::member<0>(unchanged)), const std::string&>);
    Defaults defaults;
    CHECK(&detail::member<18>(defaults) == &defaults.flag);
    CHECK(&detail::member<0>(defaults) == &defaults.page);
}

// ---- the concept

namespace {

struct Base {
    Key<int> id;
};
struct Derived : Base {
    Field<int> more;
};
struct Empty {};
struct DerivedFromEmpty : Empty {
    Key<int> id;
};
struct NoKey {
    Field<int> id;
};
struct Final final {
    Key<int> id;
};
struct WithArray {
    Key<int> id;
    int scores[2];
};
struct WithPointer {
    Key<int> id;
    int* score;
};
struct WithView {
    Key<int> id;
    std::string_view text;
};
struct WithVerb {
    Key<int> id;
    Field<int> rename;
};
struct WithVerbType {
    Key<int> id;
    struct Missing {};
};
struct WithVerbFunctions {
    Key<int> id;
    static void exists(int);
    static void exists(const char*);
};
struct WithConstructor {
    WithConstructor() = default;
    Key<int> id;
};
class WithPrivateMember {
    [[maybe_unused]] Key<int> id_;
};
struct WithReferenceMember {
    Key<int> id;
    int& score;
};
struct WithOpaque {
    Key<int> id;
    std::unique_ptr<Empty> pointer;
};
struct WithFloatingKey {
    Key<std::map<int, double>> id;
};
struct WithUnknownName {
    static constexpr WireNames wire_names{{"nothing", "x"}};
    Key<int> id;
};
struct WithOneNameTwice {
    static constexpr WireNames wire_names{{"id", "name"}};
    Key<int> id;
    Field<int> name;
};
struct WithSwappedNames {
    static constexpr WireNames wire_names{{"id", "name"}, {"name", "id"}};
    Key<int> id;
    Field<int> name;
};
struct Secret {
    static constexpr ModelOptions cache_options{.secret_keys = true};
    Key<std::string> token;
};
struct WithSecretTarget {
    Key<int> id;
    Reference<Secret> secret;
};
struct WithNestedReference {
    Key<int> id;
    std::optional<Reference<Base>> maybe;
};
struct WithCircularKey {
    Key<shop::Circular> id;
};
union Union {
    int a;
    float b;
};
enum class Colour { red };

}  // namespace

TEST_CASE("a plain struct with a key is a model", "[model]") {
    STATIC_REQUIRE(Model<shop::Customer>);
    STATIC_REQUIRE(Model<shop::Box<std::string, 2>>);
    STATIC_REQUIRE(Model<Base>);
    STATIC_REQUIRE(Model<Hidden>);
    STATIC_REQUIRE(Model<Ticket>);
    STATIC_REQUIRE(Model<Secret>);
    STATIC_REQUIRE(Model<WithSwappedNames>);
    struct Local {
        Key<int> id;
        std::vector<Reference<shop::Customer>> customers;
        std::deque<std::map<std::string, std::set<Colour>>> deep;
    };
    STATIC_REQUIRE(Model<Local>);
    struct Tree {
        Key<int> id;
        struct Node {
            int value;
            std::vector<Node> children;
        };
        Field<Node> root;
    };
    STATIC_REQUIRE(Model<Tree>);
}

TEST_CASE("what is not a plain struct with a key is no model", "[model]") {
    STATIC_REQUIRE_FALSE(Model<int>);
    STATIC_REQUIRE_FALSE(Model<std::string>);
    STATIC_REQUIRE_FALSE(Model<std::vector<int>>);
    STATIC_REQUIRE_FALSE(Model<int*>);
    STATIC_REQUIRE_FALSE(Model<int[3]>);
    STATIC_REQUIRE_FALSE(Model<std::array<int, 2>>);
    STATIC_REQUIRE_FALSE(Model<std::pair<Key<int>, int>>);
    STATIC_REQUIRE_FALSE(Model<Key<int>>);
    STATIC_REQUIRE_FALSE(Model<Union>);
    STATIC_REQUIRE_FALSE(Model<Colour>);
    STATIC_REQUIRE_FALSE(Model<Empty>);
    STATIC_REQUIRE_FALSE(Model<Derived>);
    STATIC_REQUIRE_FALSE(Model<DerivedFromEmpty>);
    STATIC_REQUIRE_FALSE(Model<NoKey>);
    STATIC_REQUIRE_FALSE(Model<Final>);
    STATIC_REQUIRE_FALSE(Model<WithArray>);
    STATIC_REQUIRE_FALSE(Model<WithPointer>);
    STATIC_REQUIRE_FALSE(Model<WithView>);
    STATIC_REQUIRE_FALSE(Model<WithVerb>);
    STATIC_REQUIRE_FALSE(Model<WithVerbType>);
    STATIC_REQUIRE_FALSE(Model<WithVerbFunctions>);
    STATIC_REQUIRE_FALSE(Model<WithConstructor>);
    STATIC_REQUIRE_FALSE(Model<WithPrivateMember>);
    STATIC_REQUIRE_FALSE(Model<WithReferenceMember>);
    STATIC_REQUIRE_FALSE(Model<WithOpaque>);
    STATIC_REQUIRE_FALSE(Model<WithFloatingKey>);
    STATIC_REQUIRE_FALSE(Model<WithUnknownName>);
    STATIC_REQUIRE_FALSE(Model<WithOneNameTwice>);
    STATIC_REQUIRE_FALSE(Model<WithSecretTarget>);
    STATIC_REQUIRE_FALSE(Model<WithNestedReference>);
    STATIC_REQUIRE_FALSE(Model<WithCircularKey>);
}

// ---- options and names

TEST_CASE("a model's options have defaults", "[model]") {
    constexpr ModelOptions options;
    STATIC_REQUIRE(options.expires == never);
    STATIC_REQUIRE(options.name.empty());
    STATIC_REQUIRE(options.cache == "default");
    STATIC_REQUIRE(options.version == 1);
    STATIC_REQUIRE_FALSE(options.secret_keys);
    STATIC_REQUIRE(detail::model_options<Hidden>().version == 1);
    STATIC_REQUIRE(detail::model_options<shop::Customer>().expires == Lifetime{15min});
    STATIC_REQUIRE(detail::model_options<shop::Customer>().cache == "shop");
}

TEST_CASE("a member is stored under the name that wire_names gives it", "[model][names]") {
    STATIC_REQUIRE(detail::wire_name<shop::Customer, 0>() == "number");
    STATIC_REQUIRE(detail::wire_name<shop::Customer, 1>() == "mail");
    STATIC_REQUIRE(detail::wire_name<shop::Customer, 2>() == "address");
    STATIC_REQUIRE(detail::wire_name<WithSwappedNames, 0>() == "name");
    STATIC_REQUIRE(detail::wire_name<WithSwappedNames, 1>() == "id");

    const Models<shop::Customer> customers{Cache::open("memory://")};
    customers.save({.id = 5, .email = "bob@example.org"});
    CHECK(customers.get(5).email == "bob@example.org");
    CHECK(customers.key_for(5) == "customer@3/number=5");
}

// ---- used as models

TEST_CASE("models with members that can only be moved are saved and read", "[model]") {
    const Models<Ticket> tickets{Cache::open("memory://")};
    Ticket ticket{.id = 1, .token = Token{5}};
    ticket.tokens.push_back(Token{6});
    ticket.tokens.push_back(Token{7});
    tickets.save(ticket);

    const Ticket read = tickets.get(1);
    CHECK(read.token->number() == 5);
    REQUIRE(read.tokens.size() == 2);
    CHECK(read.tokens[1].number() == 7);

    CHECK(tickets.find(1)->token->number() == 5);
    CHECK(tickets.find(2).absent());
    const auto many = tickets.get_many({1, 2});
    CHECK(many[0]->token->number() == 5);
    auto [stored, created] = tickets.get_or_create(Ticket{.id = 1});
    CHECK_FALSE(created);
    CHECK(stored.token->number() == 5);
    CHECK(tickets.remove(ticket));

    const ScopedCaches caches_of_this_test;
    CacheModel own{Ticket{.id = 2, .token = Token{8}}};
    own.save();
    CHECK(CacheModel<Ticket>::get(2).token->number() == 8);
    CHECK(CacheModel<Ticket>::get(2) == own);
}

TEST_CASE("a model may be local to a function", "[model]") {
    struct Point {
        Key<int> x;
        Key<int> y;
        Field<std::string> label;
    };
    const Models<Point> points{Cache::open("memory://")};
    points.save({.x = 1, .y = 2, .label = "here"});
    CHECK(points.get(1, 2).label == "here");
    CHECK(points.find(2, 1).absent());
}

TEST_CASE("a model may be in an unnamed namespace", "[model]") {
    const ScopedCaches caches_of_this_test;
    CacheModel{Hidden{.id = 1, .name = "x"}}.save();
    CHECK(CacheModel<Hidden>::get(1).name == "x");
    CHECK(CacheModel<Hidden>::key_for(1) == "(anonymous%20namespace)::Hidden@1/id=1");
}

TEST_CASE("a key that has a default may be left out", "[model]") {
    struct Page {
        Key<std::string> path;
        Key<int> number = 1;
        Field<std::string> text;
    };
    const Models<Page> pages{Cache::open("memory://")};
    pages.save({.path = "/a", .text = "first"});
    CHECK(pages.get({.path = "/a"}).text == "first");
    CHECK(pages.get("/a", 1).text == "first");
    CHECK(pages.find({.path = "/a", .number = 2}).absent());
    CHECK_THROWS_AS(pages.get({.number = 2}), IncompleteKey);
}

namespace {

struct Score {
    static constexpr ModelOptions cache_options{.name = "score"};
    static constexpr WireNames wire_names{{"round", "r"}};
    Key<std::string> player;
    Key<int> round;
    Key<int> table = 1;
};

}  // namespace

TEST_CASE("an incomplete key names all keys that are not set, as they are stored",
          "[model][failure]") {
    const Models<Score> scores{Cache::open("memory://")};
    const auto check = [](const auto& action) {
        try {
            action();
            FAIL("nothing was thrown");
        } catch (const IncompleteKey& error) {
            CHECK(error.model() == "score");
            CHECK(error.unset() == std::vector<std::string>{"player", "r"});
            CHECK(std::string_view{error.what()}.find("player") != std::string_view::npos);
        }
    };
    check([&] { scores.save({}); });
    check([&] { scores.get(Score{}); });
    check([&] { scores.find(Score{}).found(); });
    check([&] { scores.remove(Score{}); });
    check([&] { scores.exists(Score{}); });
    check([&] { scores.touch(Score{}, 1s); });
    check([&] { scores.key_for(Score{}); });
    check([&] { Reference<Score>::to(Score{}); });
    check([&] { Reference<Score>{Score{}}; });
}

TEST_CASE("objects are equal whose members are", "[model][comparison]") {
    struct Point {
        Key<int> x;
        Field<std::vector<int>> values;
        Reference<Hidden> hidden;
    };
    const CacheModel first{Point{.x = 1, .values = {1, 2}}};
    CacheModel second{Point{.x = 1, .values = {1, 2}}};
    CHECK(first == second);
    second.values->push_back(3);
    CHECK(first != second);
    second = first;
    second.hidden = Reference<Hidden>::to(1);
    CHECK(first != second);

    struct Caseless {
        Key<int> id;
        Field<std::string> text;
        bool operator==(const Caseless& other) const { return text->size() == other.text->size(); }
    };
    CHECK(CacheModel{Caseless{.id = 1, .text = "abc"}} ==
          CacheModel{Caseless{.id = 2, .text = "ABC"}});
}

TEST_CASE("a CacheModel is its model with verbs", "[model]") {
    const ScopedCaches caches_of_this_test;
    CacheModel<Defaults> empty;
    CHECK(empty.tags == std::vector<std::string>{"a"});
    CHECK(empty.page.is_set());
    const Hidden hidden{.id = 3, .name = "y"};
    CacheModel<Hidden> object = hidden;
    object.name->append("z");
    object.save();
    const Hidden& as_model = object;
    CHECK(as_model.name == "yz");
    CHECK(object.key() == CacheModel<Hidden>::key_for(3));
    STATIC_REQUIRE(std::derived_from<CacheModel<Hidden>, Hidden>);
    // And knows which state of its entry it was read from.
    STATIC_REQUIRE(sizeof(CacheModel<Hidden>) <= sizeof(Hidden) + sizeof(std::uint64_t));
}

TEST_CASE("a model may have members named like the library's own helpers", "[model]") {
    struct Names {
        Key<int> id;
        Field<std::string> wrapped;
        Field<std::string> wrapped_many;
        Field<std::string> detail;
        Field<std::string> table;
        Field<std::string> cache;
        Field<std::string> model;
        Field<std::string> load;
        Field<int> lifetime;
        Field<int> keys;
    };
    const ScopedCaches caches_of_this_test;
    CacheModel object{Names{.id = 1, .wrapped = "a", .detail = "b", .load = "c"}};
    object.wrapped_many = "d";
    object.save();
    const auto read = CacheModel<Names>::get(1);
    CHECK(read.wrapped == "a");
    CHECK(read.wrapped_many == "d");
    CHECK(read.detail == "b");
    CHECK(read.load == "c");
}
