"""The focal loss in NumPy, PyTorch and ONNX Runtime.

Usage: driver.py NAME DATA THREADS, with NAME numpy, torch, torch-compiled or
onnxruntime. The protocol that it speaks on standard input and output is described
in child.go. A rival is a class that is made from the Data and a number of threads
and has an attribute about and three methods: sum() and sumgrad() compute and
return the sum of the losses, and cells() returns the gradient that sumgrad left,
one element per cell.
"""

import os
import struct
import sys
import time


class Data:
    """The tensor, the labels and the parameters of a data file."""

    def __init__(self, path):
        import numpy as np

        with open(path, "rb") as f:
            *shape, attr, self.pos, self.neg, self.gamma = struct.unpack("<6q3d", f.read(72))
            b, a, attrs, h, w = self.shape = tuple(shape)
            self.attr = attr
            self.logits = np.fromfile(f, "<f4", b * a * attrs * h * w)
            self.labels = np.fromfile(f, "u1", b * a * h * w)
        # A head is [batch, anchors*attrs, height, width]; with one attribute the
        # cells are all there is.
        self.head = attrs > 1
        if self.head:
            self.logits = self.logits.reshape(b, a * attrs, h, w)
            self.labels = self.labels.reshape(b, a, h, w)


class NumPy:
    """Stable formulas in float32, an array per step."""

    def __init__(self, data, threads):
        import numpy as np

        self.np, self.data = np, data
        self.about = "NumPy " + np.__version__
        self.logits, self.grad = data.logits, np.zeros_like(data.logits)
        self.out = self.grad
        if data.head:
            self.logits, self.out = (t.reshape(data.shape)[:, :, data.attr] for t in (self.logits, self.grad))

    def compute(self, want_grad):
        np, d = self.np, self.data
        pos, ignored = d.labels == 1, d.labels == 255
        s = np.where(pos, np.float32(1), np.float32(-1))
        z = s * self.logits
        e = np.exp(-np.abs(z))
        r = 1 / (1 + e)
        er, right = e * r, z >= 0
        q = np.where(right, er, r)
        l = np.log1p(e) + np.maximum(-z, 0)
        m = np.where(pos, np.float32(d.pos), np.float32(d.neg))
        m *= q * q if d.gamma == 2 else q ** np.float32(d.gamma)
        if want_grad:
            p = np.where(right, r, er)
            self.out[...] = np.where(ignored, 0, -s * m * (q + np.float32(d.gamma) * p * l))
        return float(np.where(ignored, 0, m * l).sum())

    def sum(self):
        return self.compute(False)

    def sumgrad(self):
        return self.compute(True)

    def cells(self):
        return self.out


class Torch:
    """What YOLO training code usually does, in float32 with autograd."""

    def __init__(self, data, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch, self.data = torch, data
        self.about = "PyTorch %s eager, usual YOLO code, autograd" % torch.__version__
        labels = torch.from_numpy(data.labels)
        self.target = (labels == 1).float()  # as a data loader hands them over
        self.noobj = (labels == 0).float()
        self.logits = torch.from_numpy(data.logits).requires_grad_()
        self.loss = self.usual

    def elements(self, logits, obj):
        """The loss of every cell, for the mask of the positives."""
        torch, d = self.torch, self.data
        if d.head:
            b, a, attrs, h, w = d.shape
            logits = logits.view(b, a, attrs, h, w).permute(0, 1, 3, 4, 2).contiguous()[..., d.attr]
        conf = torch.sigmoid(logits)
        p = torch.clamp(conf, 1e-7, 1 - 1e-7)
        bce = -self.target * torch.log(p) - (1 - self.target) * torch.log(1 - p)
        alpha = torch.where(obj, d.pos, d.neg)
        modulator = torch.where(obj, 1 - conf, conf) ** d.gamma
        return alpha * modulator * bce

    def usual(self, logits):
        obj = self.target == 1
        used = self.noobj.bool() | obj
        return self.elements(logits, obj)[used].sum()

    def sum(self):
        with self.torch.no_grad():
            return self.loss(self.logits).item()

    def sumgrad(self):
        self.logits.grad = None
        loss = self.loss(self.logits)
        loss.backward()
        return loss.item()

    def cells(self):
        grad = self.logits.grad
        if self.data.head:
            grad = grad.view(self.data.shape)[:, :, self.data.attr]
        return grad.contiguous().numpy()


class TorchCompiled(Torch):
    """The same through torch.compile. Ignored cells are selected out by where:
    indexing by a mask has no static shape and would split the graph in two."""

    def __init__(self, data, threads):
        super().__init__(data, threads)
        self.about = "PyTorch %s torch.compile, usual YOLO code, autograd" % self.torch.__version__
        self.loss = self.torch.compile(self.selected, dynamic=False)
        self.sum(), self.sumgrad()  # compile now

    def selected(self, logits):
        obj = self.target == 1
        used = self.noobj.bool() | obj
        return self.torch.where(used, self.elements(logits, obj), 0.0).sum()


class ONNXRuntime:
    """A graph of stable formulas, with the gradient in closed form."""

    def __init__(self, data, threads):
        import onnx
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for the next call would slow what is measured in between.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3

        def session(want_grad):
            model = self.model(onnx, data, want_grad).SerializeToString()
            return ort.InferenceSession(model, options, ["CPUExecutionProvider"])

        self.value, self.both = session(False), session(True)
        self.feed = {"logits": data.logits, "labels": data.labels.astype("int32")}
        self.about = "ONNX Runtime %s, gradient in closed form" % ort.__version__

    @staticmethod
    def model(onnx, data, want_grad):
        helper, kind = onnx.helper, onnx.TensorProto
        nodes, constants = [], []

        def op(name, *inputs, **attributes):
            out = "t%d" % len(nodes)
            nodes.append(helper.make_node(name, inputs, [out], **attributes))
            return out

        def const(value, dtype=kind.FLOAT, dims=()):
            name = "c%d" % len(constants)
            values = value if dims else [value]
            constants.append(helper.make_tensor(name, dtype, dims, values))
            return name

        x = "logits"
        if data.head:
            x = op("Reshape", x, const(data.shape, kind.INT64, [5]))
            x = op("Gather", x, const(data.attr, kind.INT64), axis=2)
        pos = op("Equal", "labels", const(1, kind.INT32))
        ignored = op("Equal", "labels", const(255, kind.INT32))
        wrong = op("Where", pos, op("Neg", x), x)  # -z: large = confident and wrong
        q = op("Sigmoid", wrong)
        l = op("Softplus", wrong)
        m = op("Where", pos, const(data.pos), const(data.neg))
        m = op("Mul", m, op("Mul", q, q) if data.gamma == 2 else op("Pow", q, const(data.gamma)))
        zero = const(0.0)
        loss = op("Where", ignored, zero, op("Mul", m, l))
        nodes.append(helper.make_node("ReduceSum", [loss], ["sum"], keepdims=0))
        outputs = [helper.make_tensor_value_info("sum", kind.FLOAT, [])]
        if want_grad:
            p = op("Sigmoid", op("Neg", wrong))
            g = op("Add", q, op("Mul", op("Mul", p, l), const(data.gamma)))
            g = op("Mul", m, g)
            g = op("Where", pos, op("Neg", g), g)
            nodes.append(helper.make_node("Where", [ignored, zero, g], ["grad"]))
            outputs.append(helper.make_tensor_value_info("grad", kind.FLOAT, data.labels.shape))
        inputs = [
            helper.make_tensor_value_info("logits", kind.FLOAT, data.logits.shape),
            helper.make_tensor_value_info("labels", kind.INT32, data.labels.shape),
        ]
        graph = helper.make_graph(nodes, "focal", inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model

    def sum(self):
        return float(self.value.run(None, self.feed)[0])

    def sumgrad(self):
        total, self.grad = self.both.run(None, self.feed)
        return float(total)

    def cells(self):
        return self.grad


RIVALS = {"numpy": NumPy, "torch": Torch, "torch-compiled": TorchCompiled, "onnxruntime": ONNXRuntime}


def answer(rival, command, argument):
    if command in ("sum", "sumgrad"):
        compute = rival.sum if command == "sum" else rival.sumgrad
        calls = range(int(argument))
        start = time.perf_counter()
        for _ in calls:
            compute()
        return "time %.9g" % (time.perf_counter() - start)
    if command == "check":
        with open(argument, "wb") as f:
            f.write(struct.pack("<2d", rival.sum(), rival.sumgrad()))
            f.write(rival.cells().astype("<f4").tobytes())
        return "ok"
    return "error unknown command"


def main():
    # The protocol keeps standard output to itself: what libraries print there goes
    # to standard error.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(line):
        out.write(" ".join(line.split()) + "\n")
        out.flush()

    name, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    try:
        rival = RIVALS[name](Data(path), threads)
    except Exception as e:
        return say("absent %s: %s" % (type(e).__name__, e))
    say("ready " + rival.about)
    for line in sys.stdin:
        command, _, argument = line.rstrip("\r\n").partition(" ")
        try:
            say(answer(rival, command, argument))
        except Exception as e:
            say("error %s: %s" % (type(e).__name__, e))


main()
