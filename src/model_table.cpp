// cachemodel: names, keys and references of models without a type.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/model_table.hpp>

#include <cxxabi.h>
#include <openssl/sha.h>

#include <array>
#include <cstdlib>
#include <new>
#include <vector>

namespace cachemodel::detail {

namespace {

constexpr std::size_t longest_key = 180;
constexpr std::size_t digest_digits = 32;         // 128 bits
constexpr std::size_t secret_digest_digits = 64;  // all of SHA-256
// In keys this byte stands before a digest and nowhere else: it is escaped in names and values.
constexpr char digest_mark = '~';

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.replace(at, what.size(), with);
        at += with.size();
    }
}

/// The name of a type as its source spells it; empty where `mangled` is none.
std::string demangle(const char* mangled) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text{
        abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free};
    if (status == -1) throw std::bad_alloc{};
    return status == 0 ? text.get() : "";
}

/// The class name of a type, the same for every compiler of the Itanium C++ ABI.
std::string class_name(const std::type_info& type) {
    std::string name = demangle(type.name());
    replace_all(name,
                "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
                "std::string");
    replace_all(name, " >", ">");
    // Compilers do not agree about where these marks of functions belong.
    constexpr std::string_view tag = "[abi:";
    for (auto at = name.find(tag); at != std::string::npos; at = name.find(tag, at)) {
        name.erase(at, name.find(']', at) - at + 1);
    }
    return name;
}

/// Whether a closure or another type without a name has a part in `name`.
bool has_unnamed_part(std::string_view name) {
    for (const std::string_view sign : {"{lambda", "'lambda", "{unnamed", "'unnamed", "$_"}) {
        if (name.find(sign) != std::string_view::npos) return true;
    }
    return false;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Whether a function has an earlier local type of the same name. Only the mangled name tells the
/// two apart, by a number such as _0 or __10_ that the demangled name does not show.
bool has_discriminator(const std::string& mangled) {
    const std::string shown = demangle(mangled.c_str());
    for (auto at = mangled.find('_'); at != std::string::npos; at = mangled.find('_', at + 1)) {
        auto end = at + 1;
        if (mangled[end] == '_') {
            do ++end;
            while (is_digit(mangled[end]));
            if (mangled[end] != '_') continue;
        } else if (!is_digit(mangled[end])) {
            continue;
        }
        std::string without = mangled;
        without.erase(at, end + 1 - at);
        if (demangle(without.c_str()) == shown) return true;
    }
    return false;
}

std::string hex_digest(std::string_view text, std::size_t digits) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::string hex;
    append_hex(hex, as_text(digest.data(), digits / 2));
    return hex;
}

/// `text` cut to `size` bytes, or up to two less: not through an escape.
std::string_view head_of(std::string_view text, std::size_t size) {
    auto head = text.substr(0, size);
    const auto escape = head.rfind('%');
    if (escape != std::string_view::npos && escape + 3 > head.size()) head = head.substr(0, escape);
    return head;
}

std::string shortened(std::string_view text, std::string_view head, std::size_t digits) {
    std::string key{head_of(head, longest_key - digits - 1)};
    key += digest_mark;
    key += hex_digest(text, digits);
    return key;
}

}  // namespace

ModelName make_model_name(const std::type_info& type, const ModelOptions& options) {
    ModelName name;
    if (!options.name.empty()) {
        name.name = options.name;
    } else {
        name.name = class_name(type);
        if (name.name.empty() || has_unnamed_part(name.name) || has_discriminator(type.name())) {
            throw ConfigError("the model " + (name.name.empty() ? type.name() : name.name) +
                              " has no name that is the same in every build; give it one: "
                              "cache_options{.name = \"…\"}");
        }
    }
    for (const char c : name.name) {
        // These two end the name.
        if (c == '/' || c == '@') {
            name.head += c == '/' ? "%2f" : "%40";
        } else {
            append_escaped(name.head, {&c, 1});
        }
    }
    name.head += '@';
    append_number(name.head, std::uint64_t{options.version});
    name.head += '/';
    return name;
}

ModelKey make_model_key(const ModelTable& table, const void* object) {
    const ModelName& name = table.name();
    if (!keys_are_set(table, object)) {
        std::vector<std::string> unset;
        for (const auto& key : table.keys) {
            if (!key.is_set(object)) unset.emplace_back(key.name);
        }
        throw IncompleteKey(name.name, std::move(unset));
    }
    std::string text = name.head;
    for (const auto& key : table.keys) {
        if (&key != table.keys.data()) text += ',';
        append_escaped(text, key.name);
        text += '=';
        key.append(text, object);
    }
    if (table.options.secret_keys) return {shortened(text, name.head, secret_digest_digits), {}};
    if (text.size() <= longest_key) return {std::move(text), {}};
    std::string stored = shortened(text, text, digest_digits);
    return {std::move(stored), std::move(text)};
}

bool keys_are_set(const ModelTable& table, const void* object) {
    for (const auto& key : table.keys) {
        if (!key.is_set(object)) return false;
    }
    return true;
}

std::string encode_keys(const ModelTable& table, const void* object) {
    if (!keys_are_set(table, object)) make_model_key(table, object);  // throws
    std::string keys;
    CborWriter writer{keys};
    writer.array(table.keys.size());
    for (const auto& key : table.keys) key.encode(writer, object);
    return keys;
}

bool decode_keys(CborReader& reader, const ModelTable& table, void* object) {
    std::size_t count = 0;
    if (!reader.array(count) || count != table.keys.size()) return false;
    for (const auto& key : table.keys) {
        if (!key.decode(reader, object)) return false;
    }
    return true;
}

void copy_keys(const ModelTable& table, void* to, const void* from) {
    for (const auto& key : table.keys) {
        if (key.is_set(from)) key.copy(to, from);
    }
}

AnyModel::AnyModel(const ModelTable& table)
    : table_(table), object_(::operator new (table.size, std::align_val_t{table.alignment})) {
    try {
        table.construct(object_);
    } catch (...) {
        ::operator delete (object_, std::align_val_t{table.alignment});
        throw;
    }
}

AnyModel::~AnyModel() {
    if (object_ != nullptr) destroy_model(table_, object_);
}

void destroy_model(const ModelTable& table, void* object) noexcept {
    table.destroy(object);
    ::operator delete (object, std::align_val_t{table.alignment});
}

void encode_reference(CborWriter& writer, const ReferenceBase& reference) {
    if (reference.target() == nullptr) return writer.null();
    writer.raw(reference.target()->keys);
}

bool decode_reference(CborReader& reader, const ModelTable& target, ReferenceBase& reference) {
    reference = ReferenceBase{};
    if (reader.next_is_null()) return reader.null();
    std::string_view keys;
    if (reader.graph == nullptr || !reader.next_is_array() || !reader.skip(keys)) return false;
    Target* const found = reader.graph->find_or_add(target, keys);
    if (found == nullptr) return false;
    reference = ReferenceBase{found, reader.references_own_graph};
    return true;
}

const void* loaded_object(const ReferenceBase& reference, const ModelTable& table) {
    const Target* const target = reference.target();
    if (target == nullptr) {
        throw UnloadedReference("the reference to " + table.name().name + " is null");
    }
    if (!target->loaded) {
        throw UnloadedReference("the reference to " +
                                make_model_key(*target->table, target->object).stored +
                                " was not loaded");
    }
    return target->object;
}

bool same_keys(const ReferenceBase& a, const ReferenceBase& b) {
    if (a.target() == b.target()) return true;
    if (a.target() == nullptr || b.target() == nullptr) return false;
    if (a.target()->keys == b.target()->keys) return true;
    // Equal keys may be other bytes: of a container that has no order.
    const auto name = [](const Target& target) {
        return make_model_key(*target.table, target.object).in_envelope();
    };
    return name(*a.target()) == name(*b.target());
}

ReferenceBase make_reference(const ModelTable& table, void* object, bool loaded) {
    const GraphHandle graph;
    std::string keys = encode_keys(table, object);
    AnyModel copy{table};
    table.move(copy.get(), object);
    Target* const target = graph->add(table, std::move(keys), copy);
    target->loaded = loaded;
    return {target, true};
}

}  // namespace cachemodel::detail
