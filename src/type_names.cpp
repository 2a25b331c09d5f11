// cachemodel: names of types and functions that are the same in every build.
// SPDX-License-Identifier: MIT
#include "type_names.hpp"

#include <cachemodel/detail/key_text.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace cachemodel::detail {

namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.replace(at, what.size(), with);
        at += with.size();
    }
}

/// Empty where `mangled` is not mangled.
std::string demangle(const std::string& mangled) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text{
        abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free};
    if (status == -1) throw std::bad_alloc{};
    return status == 0 ? text.get() : "";
}

/// The mangled name of a type, such that demangling shows the parameters of functions in it.
///
/// Those of a function whose address is taken are not shown where its name has several parts, so
/// that overloads would look alike. Those of one that is negated are: "ng" for "ad", as the Itanium
/// C++ ABI calls the two operators.
std::string mangled_name(const std::type_info& type) {
    std::string mangled = type.name();
    constexpr std::string_view address = "adL_Z";
    for (auto at = mangled.find(address); at != std::string::npos;
         at = mangled.find(address, at + 1)) {
        std::string probe = mangled;
        probe[at + 4] = 'z';
        if (!demangle(probe).empty()) continue;  // part of an identifier
        mangled.replace(at, 2, "ng");
    }
    return mangled;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Makes addresses again of what `mangled_name` has negated; numbers stay negative.
void show_addresses(std::string& name) {
    for (std::size_t i = 1; i + 1 < name.size(); ++i) {
        const bool begins = name[i - 1] == '<' || name[i - 1] == '(' || name[i - 1] == ' ';
        if (name[i] != '-' || !begins) continue;
        if (name[i + 1] == '(' || is_letter(name[i + 1])) name[i] = '&';
    }
}

/// The name of a type as its source spells it, the same for every compiler.
std::string spell(const std::type_info& type) {
    std::string name = demangle(mangled_name(type));
    show_addresses(name);
    replace_all(name,
                "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
                "std::string");
    // Namespaces by which a standard library keeps its own versions apart.
    replace_all(name, "std::__cxx11::", "std::");
    replace_all(name, "std::chrono::_V2::", "std::chrono::");
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
bool has_discriminator(const std::type_info& type) {
    const std::string mangled = mangled_name(type);
    const std::string shown = demangle(mangled);
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
        if (demangle(without) == shown) return true;
    }
    return false;
}

/// Where the parenthesis ends that `text` begins with.
std::size_t end_of_parenthesis(std::string_view text) {
    int depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && --depth == 0) return i;
    }
    return text.size() - 1;
}

void remove_outer_parentheses(std::string_view& text) {
    if (!text.starts_with('(') || end_of_parenthesis(text) + 1 != text.size()) return;
    text.remove_prefix(1);
    text.remove_suffix(1);
}

void remove_end(std::string_view& text, std::string_view end) {
    if (text.ends_with(end)) text.remove_suffix(end.size());
}

/// What stands in `Tag<…>`, without its & and what a member function says of its object. Empty
/// where it cannot be demangled: of a conversion function, some versions of the runtime library
/// cannot.
std::string spell_tagged(const std::type_info& tag) {
    const std::string whole = spell(tag);
    if (whole.empty()) return {};
    std::string_view text = whole;
    text.remove_prefix(text.find('<') + 1);
    text.remove_suffix(1);
    if (text.starts_with('(') && !text.starts_with("(anonymous namespace)")) {
        // A cast, which some compilers show.
        text.remove_prefix(end_of_parenthesis(text) + 1);
        remove_outer_parentheses(text);
    }
    if (text.starts_with('&')) text.remove_prefix(1);
    remove_outer_parentheses(text);
    remove_end(text, " &");
    remove_end(text, " const");
    std::string result{text};
    replace_all(result, ", ", ",");
    return result;
}

bool is_unnamed(const std::type_info& tag, std::string_view text) {
    return text.empty() || text.starts_with('{') || has_unnamed_part(text) ||
           has_discriminator(tag);
}

#ifdef __GLIBCXX__
/// The standard library's own mark of types that are not to be compared by their names.
struct MarkedName : std::type_info {
    static bool is_marked(const std::type_info& type) {
        return *(type.*(&MarkedName::__name)) == '*';
    }
};
#endif

bool is_local_to_file(const std::type_info& type) {
#ifdef __GLIBCXX__
    if (MarkedName::is_marked(type)) return true;  // by g++
#endif
    const std::string mangled = type.name();
    if (mangled.find("_GLOBAL__N_") != std::string::npos) return true;
    // A static function has an L before its name; without it, it is spelled alike.
    const std::string shown = demangle(mangled);
    for (std::size_t i = 0; i + 1 < mangled.size(); ++i) {
        if (mangled[i] != 'L' || !is_digit(mangled[i + 1])) continue;
        std::string without = mangled;
        without.erase(i, 1);
        if (demangle(without) == shown) return true;
    }
    return false;
}

}  // namespace

std::string name_of_type(const std::type_info& type) {
    std::string name = spell(type);
    if (has_unnamed_part(name) || has_discriminator(type)) name.clear();
    return name;
}

std::string shown_name_of_type(const std::type_info& type) {
    std::string name = spell(type);
    return name.empty() ? type.name() : name;
}

std::string name_of_function(const std::type_info& tag, const std::type_info& parameters) {
    std::string name = spell_tagged(tag);
    if (is_unnamed(tag, name)) return {};
    // A function object's name says nothing of them.
    if (!name.ends_with(')')) {
        const std::string function = spell(parameters);
        name += function.substr(function.find('('));
        replace_all(name, ", ", ",");
    }
    return name;
}

std::string shown_name_of_function(const std::type_info& tag) {
    const std::string name = spell_tagged(tag);
    return name.empty() ? tag.name() : name;
}

const char* own_address(const std::type_info& type) {
    return is_local_to_file(type) ? type.name() : nullptr;
}

std::string name_of_member(const std::type_info& tag, const std::type_info& owner) {
    std::string name = spell_tagged(tag);
    if (name.empty()) return tag.name();
    std::string owner_part = spell(owner) + "::";
    replace_all(owner_part, ", ", ",");
    if (name.starts_with(owner_part)) return name.substr(owner_part.size());
    if (is_unnamed(tag, name)) return name.substr(name.rfind(':') + 1);
    return name;
}

void append_head(std::string& out, std::string_view name, std::uint32_t version) {
    for (const char c : name) {
        // These two end the name.
        if (c == '/' || c == '@') {
            out += c == '/' ? "%2f" : "%40";
        } else {
            append_escaped(out, {&c, 1});
        }
    }
    out += '@';
    append_number(out, std::uint64_t{version});
    out += '/';
}

}  // namespace cachemodel::detail
