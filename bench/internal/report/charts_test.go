package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// An oracle counts multiplications in the source of the library's oracle.
type oracle struct {
	funcs map[string]*ast.FuncDecl
	form  string // of the arithmetic
}

// The counts are those of the oracle's source.
func TestMultiplications(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../focal_generic.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := oracle{funcs: make(map[string]*ast.FuncDecl)}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			o.funcs[f.Name.Name] = f
		}
	}
	for gamma, form := range map[float32]string{0: "wide0", 1: "wide1", 2: "plain2", 2.3: "wideAny"} {
		o.form = form
		softplus := map[string]string{"plain": "softplusPlain", "wide": "softplusWide"}[o.flavour()]
		sum := o.function(o.flavour()) + o.function(softplus) + o.function("modulate") + o.function("value")
		sumGrad := sum + o.function("slope") + 1 // by the scale
		for op, want := range map[string]int{"Sum": sum, "SumGrad": sumGrad} {
			if got, known := multiplications(op, gamma); !known || got != float64(want) {
				t.Errorf("%s, gamma %v: %v multiplications, the oracle has %d", op, gamma, got, want)
			}
		}
	}
}

// flavour is that of the form.
func (o *oracle) flavour() string {
	if strings.HasPrefix(o.form, "wide") {
		return "wide"
	}
	return "plain"
}

// function returns the multiplications of a call. A value that is replaced and not
// used before does not count.
func (o *oracle) function(name string) int {
	path, _ := o.path(o.funcs[name].Body.List)
	count, of := 0, make(map[string]int)
	for _, s := range path {
		n := o.count(s)
		count += n
		if a, ok := s.(*ast.AssignStmt); ok && len(a.Lhs) == 1 {
			name := types.ExprString(a.Lhs[0])
			if !mentions(a.Rhs[0], name) {
				count -= of[name]
			}
			of[name] = n
		}
	}
	return count
}

// path returns the statements that a usual cell of the form goes through: nothing is
// clamped, and no sum needs a second look. returns says that the last one returns.
func (o *oracle) path(list []ast.Stmt) (path []ast.Stmt, returns bool) {
	for _, s := range list {
		body := []ast.Stmt{s}
		switch s := s.(type) {
		case *ast.ReturnStmt:
			return append(path, s), true
		case *ast.IfStmt:
			switch types.ExprString(s.Cond) {
			case "c.p.form." + o.flavour() + "()", "c.p.form == " + o.form:
				body = s.Body.List
			default:
				body = nil
				if s.Else != nil {
					body = s.Else.(*ast.BlockStmt).List
				}
			}
			if body, returns = o.path(body); returns {
				return append(path, body...), true
			}
		case *ast.SwitchStmt:
			body = nil
			for _, clause := range s.Body.List { // the default is the last
				clause := clause.(*ast.CaseClause)
				if clause.List == nil && body == nil || slices.ContainsFunc(clause.List, func(e ast.Expr) bool { return types.ExprString(e) == o.form }) {
					body = clause.Body
				}
			}
		}
		path = append(path, body...)
	}
	return path, false
}

// count returns the multiplications, multiply-adds and divisions of a statement.
func (o *oracle) count(s ast.Stmt) int {
	count := 0
	product := func(x, y ast.Expr) {
		if !powerOf2(x) && !powerOf2(y) {
			count++
		}
	}
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.MUL || n.Op == token.QUO {
				product(n.X, n.Y)
			}
		case *ast.CallExpr:
			name := types.ExprString(n.Fun)
			name = name[strings.LastIndex(name, ".")+1:]
			switch {
			case name == "fma32", name == "fmaOdd":
				product(n.Args[0], n.Args[1])
			case name == "horner": // by the coefficients kP4 to kP0, say
				digit := func(e ast.Expr) int { k := types.ExprString(e); return int(k[len(k)-1]) }
				count += digit(n.Args[3]) - digit(n.Args[4]) + 1
			case o.funcs[name] != nil:
				count += o.function(name)
			}
		}
		return true
	})
	return count
}

// powerOf2 reports whether an expression of the oracle is a power of two.
func powerOf2(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return powerOf2(e.X)
	case *ast.BinaryExpr:
		return e.Op == token.MUL && powerOf2(e.X) && powerOf2(e.Y)
	}
	return slices.Contains([]string{"s", "c.s", "wide", "unwide", "slopeL"}, types.ExprString(e))
}

// mentions reports whether an expression has a variable.
func mentions(e ast.Expr, name string) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if x, ok := n.(ast.Expr); ok && types.ExprString(x) == name {
			found = true
		}
		return !found
	})
	return found
}
